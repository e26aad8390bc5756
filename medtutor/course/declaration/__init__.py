"""What ``chapter.yml`` may say, and how a fault in it is put into words."""
