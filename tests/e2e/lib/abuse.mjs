// Names of files as nobody means well with them, and the proof that they led nowhere.
//
// `names` is one table for every way in: each name is bytes, and says whether it is a name for a file (one path element). How it
// is written down is the way's own matter: pathOf() for an element of a path, `filename` of a form as browsers write it.
import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';

/** The rule: 1 to 255 bytes of UTF-8, no '/', '\', control characters, not "." or "..". */
export function isName(bytes) {
    if (bytes.length < 1 || bytes.length > 255) return false;
    let text;
    try {
        text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
        return false;
    }
    return text !== '.' && text !== '..' && !/[/\\\u0000-\u001f\u007f-\u009f]/.test(text);
}

const groups = {
    // ---- refused ----
    traversal: [
        false,
        ['.', '..', '/', '//', './', '../', '/.', '/..', './.', '../..', './x', '../x', 'x/..', 'x/.', 'x/../y', 'x/./y', '../../x'],
        ['../../../etc/passwd', '../../../../../../../../etc/shadow', '....//x', '..//x', '//..//x', './../x', 'a/../../x'],
        ['../scratch/x', '../links/x', '../spool/x', '../results/x', '../ringback.db', '../ringback.db-wal', '../ringback.lock'],
        ['../work/x/out/y', 'scratch/0000000000000001', '../../ringback.yaml', '../.ssh/authorized_keys', '..;/x', '..%2f../x'],
        ['x/', 'x//', 'x/y', 'x/y/z', 'dir/', '/x', '//x', '///x', ' /x', 'x /y', '\u00e9/x', 'x/\u00e9'],
    ],
    absolute: [
        false,
        ['/etc/passwd', '/etc/shadow', '/dev/null', '/dev/zero', '/dev/full', '/dev/stdin', '/dev/tcp/127.0.0.1/1', '/tmp/x'],
        ['/proc/self/environ', '/proc/self/fd/0', '/proc/self/cwd/x', '/proc/self/root/etc/passwd', '/proc/1/mem', '/sys/x'],
        ['//server/share', 'file:///etc/passwd', 'http://127.0.0.1/x', '~/x', '/root/.bashrc', '/var/run/x'],
    ],
    backslashes: [
        false,
        ['\\', '\\\\', '..\\', '..\\x', '..\\..\\x', '.\\x', 'x\\y', 'x\\..\\y', 'C:\\x', 'C:\\Windows\\win.ini', '\\\\server\\share'],
        ['\\\\?\\C:\\x', '\\\\.\\pipe\\x', '..\\/x', '../\\x', '/\\x', '..\\..\\..\\..\\boot.ini', 'x\\', '\\x', 'x\\\\y', '\\n', '\\0'],
    ],
    controls: [
        false,
        ['\0', 'x\0', '\0x', 'x\0y', 'x.txt\0.png', '..\0', '../x\0.png', '\n', 'x\n', '\nx', 'x\ny', '\r', 'x\r', 'x\r\ny', '\r\nx'],
        ['x\r\nSet-Cookie: a=b', 'x\r\n\r\n<html>', '\t', 'x\ty', '\x01', '\x02x', 'x\x07', '\b', 'x\x0b', '\f', '\x1b[2J', 'x\x1by'],
        ['\x1f', 'x\x7f', '\x7f', 'x\x0ey', '\x10', '\x1c', '\u0080', 'x\u0085y', '\u009f', 'x\u009b31m', '\u0090', '\u0081x'],
    ],
    length: [
        false,
        ['', 'n'.repeat(256), 'n'.repeat(257), 'n'.repeat(1000), '\u00e9'.repeat(128), '\u20ac'.repeat(86), '\u{1f600}'.repeat(64)],
        ['../'.repeat(100) + 'x', 'a/'.repeat(64) + 'x', 'a/'.repeat(300), '/'.repeat(255), '\\'.repeat(255), '.'.repeat(256)],
        [' '.repeat(256), `${'n'.repeat(252)}.txt`.padEnd(256, 'x'), '../'.repeat(60)],
    ],
    bytes: [
        false,
        [[0xff], [0xfe], [0x80], [0xbf], [0xc0, 0xaf], [0xc0, 0xae], [0xc0, 0xae, 0xc0, 0xae], [0xc0, 0x80], [0xc1, 0x9c], [0xc1, 0xbf]],
        [[0xe0, 0x80, 0xaf], [0xe0, 0x80, 0xae], [0xf0, 0x80, 0x80, 0xaf], [0xf8, 0x80, 0x80, 0x80, 0xaf], [0xfc, 0x80, 0x80, 0x80, 0x80, 0xaf]],
        [[0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x98]],
        [[0x78, 0xff], [0xff, 0x78], [0xe9], [0x2e, 0x2e, 0xff], [0xc3, 0x28], [0x61, 0xcc], [0xef, 0xbf], [0xef, 0xbb]],
    ],

    // ---- strange, but names ----
    dots: [
        true,
        ['...', '....', '. ', ' .', '.. ', ' ..', '..x', 'x..', '.x', 'x.', 'x...', '. .', '.. .', '..\u00a0', '.\u200b.', '.'.repeat(255)],
        ['.htaccess', '.git', '.env', '.bashrc', '.ringback', '..x..', 'x.tar.gz', 'x. ', 'x .', '.deep-0', '.result.zip'],
    ],
    blanks: [
        true,
        [' ', '  ', ' x', 'x ', ' x ', 'x y', '\u00a0', '\u2003', '\u3000', '\u200b', '\ufeff', '\ufeffx', '\u2028', 'x\u2029y', '\u00ad'],
    ],
    encoded: [
        true,
        ['%2e', '%2e%2e', '%2e%2e%2f', '%2e%2e%2fx', '..%2fx', '%2fetc%2fpasswd', '..%5cx', '%5c', '%00', 'x%00.png', '%0a', '%0d%0a'],
        ['%252e%252e%252f', '%252f', '%25252e', '%c0%ae%c0%ae', '%c0%af', '%u002e%u002e%u2215', '%uff0e', '%', '%%', '%2', '%zz', '100%'],
        ['&#46;&#46;&#47;', 'u002e', '=?utf-8?b?Li4v?=', 'x%2ey', '+', 'a+b', 'a%20b', '%2B', '%7e', '~', '~root', '~x'],
    ],
    reserved: [
        true,
        ['CON', 'con', 'PRN', 'AUX', 'NUL', 'nul.txt', 'COM1', 'COM9', 'LPT1', 'CLOCK$', 'CON.', 'CON ', 'aux.h', 'C:', 'C:x', 'x:y', 'x::$DATA'],
        ['desktop.ini', 'Thumbs.db', 'index.html', 'constructor', '__proto__', 'hasOwnProperty', 'toString', 'null', 'undefined', 'true', '0', '-1'],
        ['scratch', 'links', 'spool', 'results', 'work', 'out', 'ringback.db', 'ringback.lock', '0000000000000000', '0000000000000001'],
    ],
    shells: [
        true,
        ['-', '--', '-rf', '--help', '-o x', '*', '?', '[a-z]', '{a,b}', '$HOME', '${IFS}', '$(id)', '`id`', ';id', '|id', '&id', '>x', '<x', '!x'],
        ['#x', "'", "'x'", '"', '"x"', 'x"y', '"; filename="y', "x'; DROP TABLE jobs; --", '<script>alert(1)<', '{{x}}', '${7*7}', '%s%n%x', '%d'],
        ['a;b=c', 'a=b', 'a,b', 'a&b', 'a?b', 'a#b', 'x;y', '@x', '^x', '(x)', '[]', '[x', '\u00b4x\u00b4', 'a|b'],
    ],
    unicode: [
        true,
        ['\u00e9', 'e\u0301', '\u212b', '\u00c5', 'A\u030a', '\ufb01le', '\uff0e\uff0e\uff0f', '\uff0f', '\uff3c', '\u2215', '\u2044', '\u29f8'],
        ['\u2024\u2024', '\u2025', '\u2026', '\u29f5', '\u20e5', '\u202etxt.exe', 'x\u202ey', '\u2066x', '\u200fx', '\u0430', '\u0410dmin', '\u0131', '\u017f'],
        ['\u{1f600}', '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}', '\u{10ffff}', '\ufffd', '\ufffe', '\uffff', '\ue000', '\u0300', '\u0627\u0644', '\u4e2d\u6587.txt'],
        ['\u1e9e', '\u00df', '\u03c2', '\u0345', '\u1100\u1161', '\uac00', '\u3000x', '\u00a0x', 'n'.repeat(255), '\u00e9'.repeat(127), '\u20ac'.repeat(85)],
    ],
};

/** {group, bytes (Buffer), isName} of each. */
export const names = Object.entries(groups).flatMap(([group, [isName, ...rows]]) =>
    rows.flat().map((name) => ({ group, bytes: Buffer.from(name), isName })),
);

/** As one element of a path: everything coded that need not be plain. */
export function pathOf(bytes) {
    return [...bytes]
        .map((byte) => (/[\w~-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`))
        .join('');
}

/** As a parameter in quotes, as browsers write `filename`. */
export function formOf(bytes) {
    return Buffer.from(
        bytes.toString('latin1').replace(/["\r\n]/g, (c) => ({ '"': '%22', '\r': '%0D', '\n': '%0A' })[c]),
        'latin1',
    );
}

/** What is understood of that: the three codes mean their characters, whoever wrote them. */
export function nameOfForm(bytes) {
    return Buffer.from(
        bytes.toString('latin1').replace(/%(22|0D|0A)/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16))),
        'latin1',
    );
}

/** Ends of paths as they go over the wire, coded once, twice, wrongly or not at all. */
export const rawPaths = [
    ...['../x', '../../x', '../../../../etc/passwd', './x', 'x/../y', 'x/..', '..', '.', '', '/', '//x', '/etc/passwd', 'x/y', 'x/', 'a/b/c/d'],
    ...['%2e', '%2e%2e', '%2E%2E', '.%2e', '%2e.', '%2e%2e/x', '%2e%2e/%2e%2e/x', '%2e/x', 'x/%2e%2e/y', 'x/%2e%2e'],
    ...['..%2fx', '..%2Fx', '%2e%2e%2fx', '%2E%2E%2Fx', '%2fetc%2fpasswd', 'x%2fy', '%2f', '%2F', 'x%2f..%2fy', '..%2f..%2f..%2fetc%2fpasswd'],
    ...['..%5cx', '..%5C..%5Cx', '%5c', '%2e%2e%5cx', '..\\x', '..\\..\\x', '\\x', 'C:%5cx', '%5c%5cserver%5cshare'],
    ...['%00', 'x%00', 'x%00.txt', '%00x', '..%00', 'x%0a', 'x%0d%0ay', '%0d%0aSet-Cookie:%20a=b', 'x%7f', '%01', '%1b', 'x%c2%85'],
    ...['%c0%ae%c0%ae', '%c0%af', '%c0%ae%c0%ae%c0%afx', '%e0%80%af', '%ff', '%fe%ff', '%ed%a0%80', '%c3', '%80'],
    ...['%', '%2', '%zz', '%2g', 'x%', 'x%2', '%%', '%u002e', '%-1'],
    ...['%252e%252e%252f', '%252e%252e', '%252f', '%255c', '%2500', '%25', '%2525', '..%252fx', '%25%32%65', 'x%252fy'],
    ...['..;', '..;/x', '..;a=b', 'x;y', ';', '%3b', 'x%3fy', 'x%23y', '%20', '%20%20', 'x%20', '...', '%2e%2e%2e'],
];

/** The name that such an end means; null: none. */
export function nameOfRawPath(text) {
    if (text.includes('/') || /%(?![0-9a-f]{2})/i.test(text)) return null;
    const bytes = Buffer.from(text.replace(/%(..)/g, (_, hex) => String.fromCharCode(parseInt(hex, 16))), 'latin1');
    return isName(bytes) ? bytes : null;
}

/**
 * Everything below a directory, as {path: what it is}: two that are deeply equal mean that nothing has changed. Links are not
 * followed. Of what `changing` matches only the presence counts: the database writes when it likes.
 */
export function treeOf(dir, { without = /^$/, changing = /(^|\/)ringback\.(db|lock)/ } = {}) {
    const tree = {};
    const visit = (relative) => {
        const full = path.join(dir, relative);
        const stat = lstatSync(full);
        if (stat.isDirectory()) {
            if (relative) tree[relative] = 'directory';
            for (const name of readdirSync(full).sort()) {
                const below = relative ? `${relative}/${name}` : name;
                if (!without.test(below)) visit(below);
            }
        } else if (stat.isSymbolicLink()) {
            tree[relative] = `link to ${readlinkSync(full)}`;
        } else if (changing.test(relative) || !stat.isFile()) {
            tree[relative] = 'there';
        } else {
            tree[relative] = `${stat.size} bytes, ${createHash('sha256').update(readFileSync(full)).digest('hex').slice(0, 16)}`;
        }
    };
    visit('');
    return tree;
}
