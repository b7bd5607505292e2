// Scenarios with connections, from end to end: an outside system connects, is asked, is handed a file, hands one over, and what it
// said decides; one that is silent; one that drops in the middle. Started by the connection, by a call, by a client's script.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Api } from './lib/api.mjs';
import { eraConfig, newPoint, openToken } from './lib/era.mjs';
import { binary, ringback, root, startServer, temporaryDirectory } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

const shared = temporaryDirectory();
writeFileSync(path.join(shared, 'offer.txt'), 'seventy millimetres, tomorrow');
const incoming = path.join(root, 'examples/scenarios/incoming.json');

/** The example with another patience, another question, and the connection in another variable. */
function variant(seconds, eventName, connection = 'connectionid') {
    const file = path.join(temporaryDirectory(), 'scenario.json');
    const scenario = JSON.parse(readFileSync(incoming, 'utf8').replaceAll('${connectionid}', `\${${connection}}`));
    scenario.components.settings.variables.patience = seconds;
    scenario.components.ask.eventName = eventName;
    writeFileSync(file, JSON.stringify(scenario));
    return file;
}

let server;
before(async () => {
    const shell = (script) => ({ command: ['/bin/sh', '-c', script, 'sh', '{conn}'] });
    server = await startServer({
        config: {
            threads: 2,
            ...eraConfig(
                { shared, incoming_kind: 'incoming' },
                {
                    incoming: { scenario: incoming },
                    hasty: { scenario: variant(0.3, 'hasty') },
                    unhurried: { scenario: variant(60, 'unhurried') },
                    script: { scenario: variant(60, 'script', 'startparam1') },
                    ask: shell(`"${binary}" operation --conn "$1" --eventName ask_job --syncMode yes --timeoutSec 20; echo "status $?"`),
                },
            ),
        },
    });
});
after(() => server.stop());

/** An outside system with a token of its own, so that its jobs are its alone. */
async function newSystem(t, ...args) {
    const { token, id } = await newPoint(server, `system-${Math.random().toString(36).slice(2)}`, ...args);
    return { token, id, api: new Api(server.url, token) };
}

async function connect(t, system, capabilities = ['msg']) {
    const socket = await openToken(t, server, capabilities, system.token);
    socket.id = (await socket.ok('connection_info')).connectionid;
    return socket;
}

/** The job that the system's connection has started. */
async function jobOf(system, kind = 'incoming') {
    const found = async () => (await system.api.get(`/v1/jobs?kind=${kind}`)).json.jobs.length > 0;
    await until(found, 'its job');
    return (await system.api.get(`/v1/jobs?kind=${kind}`)).json.jobs[0];
}

async function variablesOf(api, job) {
    const answer = await api.get(`/v1/jobs/${job.id}/result`);
    assert.equal(answer.status, 200, answer.text);
    return JSON.parse(answer.text);
}

async function reply(socket, name, answer) {
    const { qid, ...asked } = await socket.named(name);
    socket.send(`${name}_result`, { qid, result: 'ok', ...answer });
    return asked;
}

/** What it does when asked: answers, fetches the offer twice over, hands its order over. */
async function answerAll(system, socket, w) {
    assert.deepEqual(await reply(socket, 'ask_size', { w }), { unit: 'mm' });
    const { qid, url, name } = await socket.named('offer_ready');
    const whole = await new Api(server.url, undefined).get(url); // without any credential
    assert.equal(whole.text, 'seventy millimetres, tomorrow');
    const files = `/rest/v1/fs/targets/websocktemp`;
    const own = await system.api.get(`${files}/${name}?connectionid=${socket.id}`);
    assert.equal(own.text, whole.text);
    const body = `--b\r\nContent-Disposition: form-data; name="filename"; filename="order.txt"\r\n\r\nI take it\r\n--b--\r\n`;
    const headers = { 'Content-Type': 'multipart/form-data; boundary=b' };
    const put = await system.api.post(`${files}?connectionid=${socket.id}`, body, { headers });
    assert.equal(put.status, 200, put.text);
    socket.send('offer_ready_result', { qid, result: 'ok', file: 'order.txt' });
}

for (const [w, size] of [[70, 'large'], [7, 'small']])
    test(`it answers ${w}, and that decides: ${size}`, async (t) => {
        const system = await newSystem(t);
        const socket = await connect(t, system);
        await answerAll(system, socket, w);
        const job = await system.api.end((await jobOf(system)).id);
        assert.equal(job.state, 'finished', job.message);
        const variables = await variablesOf(system.api, job);
        assert.equal(variables.result, `${size}: order for ${w} mm`);
        assert.deepEqual(variables.size, { result: 'ok', w });
        assert.equal(variables.connectionid, socket.id);
        assert.equal(variables.offer.name, 'offer.txt');
        assert.match(variables.link, /^\/temp\/[a-z2-7]{26,}\.txt$/);
        assert.equal(variables.problem, null);
        assert.equal(variables.file, `job:${job.id}/order.txt`);
    });

test('one that is silent leaves by the timeout', async (t) => {
    const system = await newSystem(t);
    const socket = await connect(t, system);
    const job = await system.api.end((await system.api.start('hasty', { connectionid: socket.id })).id);
    assert.equal(job.state, 'finished', job.message);
    const variables = await variablesOf(system.api, job);
    assert.equal(variables.result, 'silent');
    assert.equal(variables.problem.error_code, 1408);
    assert.equal(variables.size, undefined);
});

test('one that drops in the middle leaves by the error, at once', async (t) => {
    const system = await newSystem(t);
    const socket = await connect(t, system);
    const { id } = await system.api.start('unhurried', { connectionid: socket.id });
    await socket.named('unhurried');
    const dropped = Date.now();
    await socket.terminate();
    const job = await system.api.end(id);
    assert.ok(Date.now() - dropped < 30_000, 'it has not waited for its minute');
    assert.deepEqual([job.state, job.reason], ['failed', 'failed']);
    assert.match(job.message, /went|closed/);
});

test('a client starts it by its script, and gets the variables', async (t) => {
    const system = await newSystem(t);
    const socket = await connect(t, system, ['msg', 'svcscript']);
    socket.send('start_svcscript', { qid: 'mine', code: 'script', startparam1: socket.id, startparam2: 'x', timeout: 60_000 });
    await reply(socket, 'script', { w: 7 });
    await reply(socket, 'offer_ready', { file: 'offer.txt' });
    const { qid: own, result, data } = await socket.named('start_svcscript_result');
    assert.deepEqual([own, result], ['mine', 'ok']);
    assert.equal(data.variables.startparam2, 'x');
    assert.equal(data.variables.result, 'small: order for 7 mm');
});

test('a command asks with its job\'s credential, and reaches its owner\'s connections only', async (t) => {
    const [system, stranger] = [await newSystem(t), await newSystem(t)];
    const socket = await connect(t, system);
    const run = async (api) => {
        const job = await api.start('ask', { conn: socket.id });
        const end = api.end(job.id);
        return { end, log: async () => (await api.get(`/v1/jobs/${(await end).id}/log`)).text };
    };
    const refused = await run(stranger.api);
    assert.match(await refused.log(), /"transferError".*1404[^]*status 1/);
    const own = await run(system.api);
    await reply(socket, 'ask_job', { w: 1 });
    assert.match(await own.log(), /"transfer":"transfer"[^]*"w":1[^]*status 0/);
    const all = await run(server.backend);
    await reply(socket, 'ask_job', { w: 2 });
    assert.match(await all.log(), /"w":2[^]*status 0/);
});

test('the outcomes of `ringback operation` as exit statuses', async (t) => {
    const system = await newSystem(t);
    const socket = await connect(t, system);
    const file = path.join(temporaryDirectory(), 'token');
    writeFileSync(file, `${system.token}\n`);
    const ask = (...args) => ringback('operation', '--url', server.url, '--token-file', file, '--conn', socket.id, ...args);
    const question = ['--eventName', 'q', '--content', '{"a":"b=c"}', '--syncMode', 'yes'];

    const asked = ask(...question);
    assert.deepEqual(await reply(socket, 'q', { x: [1] }), { a: 'b=c' });
    const done = await asked;
    assert.deepEqual([done.status, JSON.parse(done.stdout)], [0, { transfer: 'transfer', result: { result: 'ok', x: [1] } }]);

    const late = await ask(...question, '--timeoutSec', '0.2');
    assert.equal(late.status, 3, late.stderr);
    assert.equal(JSON.parse(late.stdout).error.error_code, 1408);

    const asking = ask(...question, '--timeoutSec', '3600');
    await socket.named('q');
    await socket.named('q');
    await socket.terminate();
    const lost = await asking;
    assert.equal(lost.status, 1, lost.stderr);
    assert.equal(JSON.parse(lost.stdout).error.error_code, 1410);

    assert.equal(JSON.parse((await ask(...question)).stdout).error.error_code, 1404);
    assert.match((await ask('--content', 'nonsense')).stderr, /--content takes JSON/);
    assert.equal((await ask('--nonsense')).status, 2);
    assert.equal((await ringback('operation', '--url', 'http://127.0.0.1:1', '--token-file', file, '--conn', 'x')).status, 1);
    assert.match((await ringback('operation', '--url', server.url, '--token-file', '/nowhere')).stderr, /no token in/);
});
