"""Toolstacks: Debian's or a commit's own Xen, tools and device model, as a directory."""
