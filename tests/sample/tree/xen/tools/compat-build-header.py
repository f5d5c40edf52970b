#!/usr/bin/env python
# SPDX-License-Identifier: GPL-2.0-only
#
# Reads a public header on standard input and writes the layout which a 32-bit
# guest uses.  Only structures come through; each is renamed from xen_<name> or
# <name> to compat_<name>.  The one argument is the name of the header.

import re
import sys

def compat_name(name):
    if name.startswith("xen_"):
        name = name[len("xen_"):]
    return "compat_" + name

lines = [line.rstrip() for line in sys.stdin.readlines()]
text = "\n".join(lines)

known = re.findall(r"^struct\s+(\w+)\s*\{", text, re.M)
known += re.findall(r"^typedef\s+struct\s+\w+\s+(\w+);", text, re.M)

def convert(line):
    line = re.sub(r"XEN_GUEST_HANDLE\(\w+\)", "uint32_t", line)
    line = re.sub(r"\bunsigned long\b", "unsigned int", line)
    for name in known:
        line = re.sub(r"\b%s\b" % name, compat_name(name), line)
    return line

guard = "COMPAT_" + re.sub(r"\W", "_", sys.argv[1]).upper()

print "#ifndef %s" % guard
print "#define %s" % guard
print "#include <%s>" % sys.argv[1]
print "#pragma pack(4)"

inside = False
for line in lines:
    if re.match(r"struct\s+\w+\s*\{", line):
        inside = True
    if inside or re.match(r"typedef\s+struct\b", line):
        print convert(line)
    if line == "};":
        inside = False

print "#pragma pack()"
print "#endif"
