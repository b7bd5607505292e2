"""Looks into compiled pseudo translations, on its own: reads .mo files itself and shares no code with examples/localize.

    mo_check.py kept FILE.mo...      what a program or a key needs is the same, in the same order, in string and translation
    mo_check.py shape FILE.mo...     brackets, the newlines around them, accents on all other letters, 30 to 40 % growth

Prints how many strings were compared; on a difference says which and exits with 1.
"""
import re
import struct
import sys

KEPT = re.compile(r"""
    %\([^)]*\)[-+ #0]*\d*(?:\.\d+)?[a-z]        # %(name)s
  | %(?:\d+\$)?[-+ #0'I]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh?|ll?|[Lqjzt])?[diouxXeEfFgGaAcsp%]
  | %<PRI\w+>
  | \{\{[^{}]*\}\} | \{[^{}]*\} | \$\{?[A-Za-z_]\w*\}?
  | </?[A-Za-z][^<>]*>
  | &\w+;
  | [_&](?=[A-Za-z])
  | Ctrl\+\w
  | (?<![\w-])--?[A-Za-z][\w-]*
  | [\n\t\r\\"]
""", re.VERBOSE | re.ASCII)


def strings(path):
    """Yields (source, translation), plural forms one by one, without the header."""
    with open(path, "rb") as file:
        data = file.read()
    magic, _, count, sources, translations = struct.unpack_from("<5I", data)
    assert magic == 0x950412DE, path
    for i in range(count):
        pair = []
        for table in (sources, translations):
            length, offset = struct.unpack_from("<2I", data, table + 8 * i)
            pair.append(data[offset:offset + length].decode().split("\x04")[-1].split("\0"))
        if pair[0] == [""]:
            continue
        assert len(pair[0]) == len(pair[1]), pair
        yield from zip(*pair)


def kept(source, translation):
    wanted, found = KEPT.findall(source), KEPT.findall(translation)
    return None if wanted == found else f"wanted {wanted}, found {found}"


def shape(source, translation):
    around = re.fullmatch(r"(\s*).*?(\s*)", source, re.DOTALL).groups()
    inner = re.fullmatch(r"(\s*)\[(.*)\](\s*)", translation, re.DOTALL)
    if not inner:
        return "no brackets"
    if inner.group(1, 3) != around:
        return "another white space around it"
    # A mnemonic's letter stays too, so it goes with its mark.
    bare = [re.sub(r"[_&][A-Za-z]", "", KEPT.sub(lambda m: m[0] if m[0] in "_&" else "", text))
            for text in (source.strip(), inner.group(2))]
    if re.search("[A-Za-z]", bare[1]):
        return "a letter without an accent"
    growth = (len(bare[1]) - len(bare[0])) / len(bare[0])
    if len(bare[0]) >= 20 and not 0.3 <= growth <= 0.4:
        return f"grew by {growth:.0%}"
    return None


def main():
    check = {"kept": kept, "shape": shape}[sys.argv[1]]
    count, wrong = 0, []
    for path in sys.argv[2:]:
        for source, translation in strings(path):
            count += 1
            fault = check(source, translation)
            if fault:
                wrong.append(f"{source!r} -> {translation!r}: {fault}")
    print(f"{count} strings")
    print("\n".join(wrong[:5]), end="", file=sys.stderr)
    sys.exit(1 if wrong or count == 0 else 0)


main()
