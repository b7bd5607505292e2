// Workers that misbehave: each ends with the right reason, and harms nobody else.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { execFileSync } from 'node:child_process';
import { unzip } from './lib/zip.mjs';
import { startServer, temporaryDirectory, worker } from './lib/server.mjs';
import { openStream } from './lib/sse.mjs';

const run = (action, options = {}) => ({ command: [worker, action], ...options });

let server;
let client;
before(async () => {
    server = await startServer({
        config: {
            jobs: {
                id: run('id'),
                crash: run('crash'),
                exit: run('exit'),
                error: run('error'),
                hang: run('hang', { timeout: '300ms' }),
                stubborn: run('stubborn', { timeout: '300ms', kill_grace: '300ms' }),
                endless: run('stubborn', { kill_grace: '200ms' }),
                flood: run('flood', { log_max: '1KiB' }),
                'long-line': run('long-line'),
                binary: run('binary'),
                silent: run('silent'),
                'too-much': run('too-much', { result_max: '1MiB' }),
                'too-many-bytes': run('too-many-bytes', { result_max: '1MiB' }),
                daemon: run('daemon'),
                escape: run('escape'),
                missing: { command: ['/nonexistent/worker'] },
                forbidden: { command: ['/etc/passwd'] },
                relative: { command: ['no-such-program-in-path'] },
                retried: { command: [worker, 'fail-then-work', '{dir}'], attempts: 5, retry_backoff: '10ms' },
                exhausted: { command: [worker, 'exit'], attempts: 3, retry_backoff: '10ms' },
                hungry: {
                    command: ['/bin/sh', '-c', 'head -c 2000000000 /dev/zero | tail -c 1999999999 | wc -c'],
                    memory_max: '100MiB',
                },
                files: { command: ['/bin/sh', '-c', 'ulimit -n'], open_files_max: 64 },
                environment: {
                    command: ['/bin/sh', '-c', 'env | grep -E "^(RINGBACK_|MINE)" | sort; pwd; ls -A'],
                    environment: { MINE: '{"x":"{y}"}' },
                },
            },
        },
    });
    ({ client } = server);
});
after(() => server.stop());

afterEach(async () => {
    const answer = await client.post('/v1/jobs/id', {}, { headers: { Prefer: 'wait=30' } });
    assert.equal(answer.json.state, 'finished', answer.text); // whatever happened: the next job works
});

async function end(kind, params) {
    return client.end((await client.start(kind, params)).id);
}

const log = async (job) => (await client.get(`/v1/jobs/${job.id}/log`)).body;

test('a crash', async () => {
    const job = await end('crash');
    assert.deepEqual([job.state, job.reason], ['failed', 'crashed']);
    assert.match(job.message, /SIGSEGV|signal 11|Segmentation/i);
});

test('an exit status, and what was said', async () => {
    const job = await end('exit');
    assert.deepEqual([job.state, job.reason, job.message], ['failed', 'failed', 'something is wrong']);
});

test('the last error report is the message', async () => {
    const job = await end('error');
    assert.deepEqual([job.reason, job.message], ['failed', 'no such project']);
    assert.deepEqual(job.progress.errors, ['no such file', 'no such project']);
});

test('out of time', async () => {
    const job = await end('hang');
    assert.deepEqual([job.state, job.reason], ['failed', 'job_timeout']);
    assert.ok(Date.parse(job.ended_at) - Date.parse(job.started_at) >= 295);
});

test('out of time, and deaf to SIGTERM, with children', async () => {
    const job = await end('stubborn');
    assert.deepEqual([job.state, job.reason], ['failed', 'job_timeout']);
    assert.ok(Date.parse(job.ended_at) - Date.parse(job.started_at) >= 595);
    assert.equal(workersOf(job.id), '');
});

/** Processes that have this job in their environment. */
function workersOf(id) {
    const find = `grep -lza "^RINGBACK_JOB=${id}$" /proc/[0-9]*/environ 2>/dev/null; true`;
    return execFileSync('/bin/sh', ['-c', find], { encoding: 'utf8' }).trim();
}

test('cancelled, and deaf to SIGTERM', async () => {
    const { id } = await client.start('endless');
    await client.event(id, 'progress');
    assert.notEqual(workersOf(id), '');
    await client.delete(`/v1/jobs/${id}`);
    assert.equal((await client.end(id)).state, 'cancelled');
    assert.equal(workersOf(id), '');
});

test('a flood of output: its end is kept', async () => {
    const job = await end('flood');
    assert.equal(job.state, 'finished');
    const kept = await log(job);
    assert.ok(kept.length <= 1024, String(kept.length));
    assert.match(kept.toString(), /\nthe last line\n$/);
});

test('a line without end, and bytes that are no text', async () => {
    const long = await end('long-line');
    assert.equal(long.state, 'finished');
    assert.ok((await log(long)).length <= 65536);
    const binary = await end('binary');
    assert.equal(binary.state, 'finished');
    assert.ok((await log(binary)).length > 0);
    assert.equal((await client.get('/v1/jobs?kind=binary')).json.jobs.length, 1); // and nothing chokes on it
});

test('no output, no result', async () => {
    const job = await end('silent');
    assert.deepEqual([job.state, job.result, job.progress], ['finished', null, null]);
    assert.equal((await client.get(`/v1/jobs/${job.id}/result`)).status, 404);
});

test('more results than allowed', async () => {
    for (const kind of ['too-much', 'too-many-bytes']) {
        const job = await end(kind);
        assert.deepEqual([job.state, job.reason, job.result], ['failed', 'output_limit', null], `${kind}: ${job.message}`);
    }
});

test('a process left behind is ended', async () => {
    const job = await end('daemon');
    assert.equal(job.state, 'finished');
    assert.equal(workersOf(job.id), '');
});

test('links in the results lead nowhere', async () => {
    const job = await end('escape');
    assert.equal(job.state, 'finished');
    const result = await client.get(job.result.url);
    assert.equal(job.result.name, 'kept.txt');
    assert.equal(result.text, 'kept\n');
});

test('what cannot be started', async () => {
    for (const [kind, why] of [['missing', /No such file/], ['forbidden', /Permission denied/], ['relative', /No such file/]]) {
        const job = await end(kind);
        assert.deepEqual([job.state, job.reason], ['failed', 'spawn_failed'], kind);
        assert.match(job.message, why);
    }
});

test('tried again until it works', async () => {
    const job = await end('retried', { dir: temporaryDirectory() });
    assert.deepEqual([job.state, job.attempt, job.reason], ['finished', 3, null]);
    assert.equal((await client.get(job.result.url)).text, 'attempt 3\n');
});

test('tried again in vain', async (t) => {
    const { id } = await client.start('exhausted');
    const stream = await openStream(t, `${server.url}/v1/jobs/${id}/events?after=start`, client.token);
    const states = [];
    while (states.at(-1) !== 'failed') states.push((await stream.events.next()).event);
    assert.equal(states.join(), 'queued,running,queued,running,queued,running,failed');
    const job = await client.job(id);
    assert.deepEqual([job.state, job.attempt, job.reason], ['failed', 3, 'failed']);
});

test('limits of the process', async () => {
    assert.equal((await log(await end('files'))).toString(), '64\n');
    const hungry = await end('hungry');
    assert.match((await log(hungry)).toString(), /exhausted|allocate/);
});

test('where it runs, and what it is told', async () => {
    const job = await end('environment');
    const lines = (await log(job)).toString().split('\n');
    assert.equal(lines[0], 'MINE={"x":"{y}"}');
    const told = Object.fromEntries(lines.slice(1, 7).map((line) => line.split('=')));
    assert.equal(told.RINGBACK_JOB, job.id);
    assert.equal(told.RINGBACK_KIND, 'environment');
    assert.equal(told.RINGBACK_TENANT, 'demo');
    assert.equal(told.RINGBACK_URL, server.url);
    assert.match(told.RINGBACK_TOKEN, /^rbj_/);
    assert.ok(told.RINGBACK_OUT.startsWith('/'), told.RINGBACK_OUT);
    assert.ok(lines[7].startsWith('/') && lines[7] !== process.cwd(), lines[7]);
});

test('several files become a ZIP with their directories', async (t) => {
    const script = 'cd "$RINGBACK_OUT" && mkdir -p a/b && echo 1 >a/b/1.txt && echo 2 >"ä 2.txt" && : >empty';
    const own = await startServer({
        t,
        config: { jobs: { tree: { command: ['/bin/sh', '-c', script] } } },
    });
    const job = await own.client.end((await own.client.start('tree')).id);
    assert.deepEqual([job.result.name, job.result.type], ['tree.zip', 'application/zip']);
    const files = unzip((await own.client.get(job.result.url)).body);
    assert.deepEqual(Object.fromEntries(Object.entries(files).map(([name, data]) => [name, data.toString()])), {
        'a/b/1.txt': '1\n', empty: '', 'ä 2.txt': '2\n',
    });
});
