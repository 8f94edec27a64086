"""The program that trains and measures the bundled model `sammed-small`. Not needed to use the product."""
