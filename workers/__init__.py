"""Everything that imports torch lives under this package: the method (`sammed`), the program that trains the bundled
model (`training`), and the worker processes of the web application. The API process never imports it."""
