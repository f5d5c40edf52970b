"""Bytes that boot: archives, disks, initramfs images, and the libraries that programs in them need."""
