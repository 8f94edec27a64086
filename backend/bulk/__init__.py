"""What `sammed import` does on the sender's side: find images in a tree of files, send what has not arrived, report."""
