// A client that is rung back, in the way of "API endpoints with sockets": it joins a room, starts an export by an HTTP call
// that is answered at once, hears over Socket.IO when the export is done, and downloads the ZIP.
//
//   node rigi.mjs [PROJECT] [KIND]      PROJECT 12 (13 has a broken file: targets fail), KIND pseudo, sources or targets
//
// The server's address and token come from RINGBACK_URL and RINGBACK_TOKEN, or from ringback-data/dev.env, where
// `ringback dev` leaves them.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { io } from 'socket.io-client';

const exports = { pseudo: 'process_export_pseudo', sources: 'process_export_source', targets: 'process_export_target' };
const project = process.argv[2] ?? '12';
const kind = process.argv[3] ?? 'pseudo';
if (!exports[kind]) fail(`KIND is one of ${Object.keys(exports).join(', ')}`);

const { url, token } = findServer();
const authorization = { Authorization: `Bearer ${token}` };
await fetch(`${url}/livez`).catch((error) => fail(`no server at ${url} (${error.cause?.code ?? error.message})`));

// 1. Connect with the token, and join the room of the project. The server knows the tenant by its host name, with underscores
//    for dots. This happens in the connect handler, so that after a broken connection the room is joined again.
const socket = io(url, { transports: ['websocket'], auth: { token } });
socket.on('connect', () => {
    say(`connected to ${url}`);
    socket.emit('joinProcessRoom', { projectId: project, tenantId: new URL(url).hostname.replaceAll('.', '_') });
});
socket.on('disconnect', (why) => say(`disconnected (${why})`));
socket.on('connect_error', (error) => {
    if (socket.active) say(`cannot connect (${error.message}), trying again`); // and does so by itself
    else fail(`refused: ${error.message}`);
});

// 2. What the server will call us with. Its result waits for us, so it does not matter who is first: the export or our join.
const done = new Promise((resolve) => socket.once(exports[kind], resolve));

// 3. Start the export. The answer says only that it has been accepted.
const before = performance.now();
const answer = await fetch(`${url}/api/projects/${project}/process/${kind}`, { method: 'POST', headers: authorization });
const accepted = await answer.json();
say(`POST /api/projects/${project}/process/${kind}: ${answer.status} in ${Math.round(performance.now() - before)} ms`);
if (!answer.ok) fail(accepted.message);

// 4. Meanwhile, if we like: watch it work.
watch(accepted.jobId).catch((error) => say(`no progress to be seen: ${error.message}`));

// 5. Be rung back, and leave the room.
const { downloadId } = await done;
socket.emit('leaveProcessRoom', project);

// 6. A number is a result to download. Anything else is what went wrong.
if (/^\d+$/.test(downloadId)) await download(downloadId);
else say(`failed: ${downloadId}`);
socket.disconnect();
process.exitCode = /^\d+$/.test(downloadId) ? 0 : 1;

async function download(id) {
    const zip = await fetch(`${url}/api/projects/${project}/download/${id}`, { headers: authorization });
    if (!zip.ok) fail(`download: ${zip.status} ${(await zip.json()).message}`);
    const file = `${kind}-${id}.zip`;
    writeFileSync(file, Buffer.from(await zip.arrayBuffer()));
    say(`${file} is here`);
    try {
        console.log(execFileSync('unzip', ['-l', file], { encoding: 'utf8' }));
    } catch {
        // no unzip here: the file is all the same
    }
}

// The job's events as a stream (server-sent events): blocks of lines "event: NAME" and "data: JSON", each ended by an empty line.
async function watch(job) {
    const stream = await fetch(`${url}/v1/jobs/${job}/events`, {
        headers: { ...authorization, Accept: 'text/event-stream' },
    });
    let text = '';
    let shown = '';
    for await (const chunk of stream.body.pipeThrough(new TextDecoderStream())) {
        const blocks = (text + chunk).split('\n\n');
        text = blocks.pop(); // its end has not come yet
        for (const block of blocks) {
            const name = /^event: (.*)$/m.exec(block)?.[1];
            const data = JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? 'null');
            if (name !== 'progress' || data.title === shown) continue;
            shown = data.title;
            say(`${String(Math.round(data.progress ?? 0)).padStart(3)} % ${data.title ?? ''}`);
        }
    }
}

function findServer() {
    const env = { ...process.env };
    for (const data of ['../../ringback-data', 'ringback-data']) {
        const file = new URL(`${data}/dev.env`, data.startsWith('.') ? import.meta.url : `file://${process.cwd()}/`);
        if (!existsSync(file)) continue;
        for (const [, name, value] of readFileSync(file, 'utf8').matchAll(/^export (\w+)=(.*)$/gm)) env[name] ??= value;
    }
    if (!env.RINGBACK_URL || !env.RINGBACK_TOKEN) fail('set RINGBACK_URL and RINGBACK_TOKEN, or start `ringback dev`');
    return { url: env.RINGBACK_URL, token: env.RINGBACK_TOKEN };
}

function say(text) {
    console.log(`${new Date().toISOString().slice(11, 23)}  ${text}`);
}

function fail(text) {
    console.error(`rigi.mjs: ${text}`);
    process.exit(1);
}
