// Pages of docs/: their commands, as they stand there, in an empty directory.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from './ports.mjs';
import { binary, root, temporaryDirectory } from './server.mjs';

/** The blocks of one language, in order. */
const blocks = (page, language) => [...page.matchAll(new RegExp('^```' + language + '\\n(.*?)^```', 'gms'))].map((found) => found[1]);

/**
 * Runs the shell commands of a page up to this heading; blocks in `js`, `json` and `python` that begin with a comment `// NAME` or `# NAME` are files.
 * Another port than the page's is used, which may be taken; npm's packages are those of the tests, Python the system's. edit: a last change of the
 * commands. Returns what they print.
 */
export async function runPage(name, { until, port, edit = (commands) => commands }) {
    const page = readFileSync(path.join(root, 'docs', name), 'utf8').split(`\n${until}`)[0];
    const dir = temporaryDirectory();
    const own = String(await freePort());
    mkdirSync(path.join(dir, 'bin'));
    symlinkSync(binary, path.join(dir, 'bin/ringback'));
    symlinkSync('/usr/bin/python3', path.join(dir, 'bin/python3'));
    symlinkSync(fileURLToPath(new URL('../node_modules', import.meta.url)), path.join(dir, 'node_modules'));
    for (const code of [...blocks(page, 'js'), ...blocks(page, 'python')])
        writeFileSync(path.join(dir, /^(?:\/\/|#) (\S+)/.exec(code)[1]), code.replaceAll(port, own));
    const commands = edit(blocks(page, 'sh').join('\n').replaceAll(port, own).replace(/^(npm|apt|sudo apt) install .*$/gm, ''));
    writeFileSync(path.join(dir, 'commands.sh'), `set -eu\ntrap 'kill %1' EXIT\n${commands}\n`);
    const { stdout } = await promisify(execFile)('bash', ['-m', 'commands.sh'], {
        cwd: dir,
        env: { ...process.env, PATH: `${path.join(dir, 'bin')}:${process.env.PATH}` },
        timeout: 60_000,
    });
    return stdout;
}
