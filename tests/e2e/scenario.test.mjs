// Scenarios (docs/scenarios.md): the page's example and commands, what `ringback check` says of a file, all types of components, and
// how a run ends when something goes wrong. Whole stories with connections are in era_story.test.mjs.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { eraConfig, openToken } from './lib/era.mjs';
import { binary, ringback, root, startServer, temporaryDirectory, writeConfig } from './lib/server.mjs';
import { within } from './lib/wait.mjs';

const page = readFileSync(path.join(root, 'docs/scenarios.md'), 'utf8');
const blocks = (language) => [...page.matchAll(new RegExp('^```' + language + '\\n(.*?)^```', 'gms'))].map(([, text]) => text);
const example = blocks('json')[0];

const dir = temporaryDirectory();

/** The path of a file with this scenario: components as an object, begun with the first; or as text. */
function scenario(name, components) {
    const text = typeof components === 'string' ? components : JSON.stringify({ start: Object.keys(components)[0], components }, null, 1);
    writeFileSync(path.join(dir, `${name}.json`), text);
    return path.join(dir, `${name}.json`);
}

const stop = { type: 'stop' };
const kinds = {
    size: example,
    types: {
        begin: { type: 'start', transfer: 'settings' },
        settings: { type: 'set', variables: { twice: '${n}${n}', list: [1, '${n}', { deep: '${text}' }], none: '${nobody}' }, transfer: 'pause' },
        pause: { type: 'wait', title: 'Waiting', seconds: '0.05', transfer: 'fire' },
        fire: { type: 'job', kind: 'id', resultVariable: 'fired', transfer: 'await' },
        await: {
            type: 'job', kind: '${kind}', parameters: { startparam1: '${text}' }, waitSec: 20,
            resultVariable: 'job', errorVariable: 'problem', transfer: 'judge', transferError: 'judge',
        },
        judge: { type: 'branch', condition: ['and', ['==', ['property', 'job.state'], 'finished'], ['>', ['property', 'n'], 6]], transfer: 'yes', transferElse: 'no' },
        yes: { type: 'stop', result: { n: '${n}', said: 'n is ${n}', deep: '${list.2.deep}' } },
        no: { type: 'stop', result: 'no' },
    },
    outcomes: {
        begin: { type: 'job', kind: '${kind}', waitSec: '${patience}', resultVariable: 'job', errorVariable: 'problem', transfer: 'done', transferTimeout: 'late', transferError: 'wrong' },
        done: { type: 'stop', result: 'done' },
        late: { type: 'stop', result: 'late' },
        wrong: { type: 'stop', result: 'wrong' },
    },
    circle: { begin: { type: 'start', transfer: 'again' }, again: { type: 'set', variables: {}, transfer: 'begin' } },
    endless: { begin: { type: 'wait', title: 'Asleep', seconds: 1000 } },
    brief: { begin: { type: 'wait', seconds: 1000 } },
    unhandled: { begin: { type: 'operation', title: 'Asking', conn: '${connectionid}', eventName: 'ask', syncMode: true, timeoutSec: 0.2, transfer: '' } },
    fallback: {
        begin: { type: 'operation', conn: '${connectionid}', eventName: 'ask', syncMode: true, timeoutSec: 0.2, errorVariable: 'problem', transferError: 'told' },
        told: { type: 'stop', state: 'failed', message: 'it says ${problem.error_code}' },
    },
    ended: { begin: { type: 'set', variables: { was: 'here' } } },
    doubling: { begin: { type: 'set', variables: { a: '${a}${a}' }, transfer: 'begin' } },
    nesting: { begin: { type: 'set', variables: { a: ['${a}'] }, transfer: 'begin' } },
    heavy: {
        begin: { type: 'job', kind: 'echo', parameters: { a: '${a}', b: '${a}', c: '${a}' }, errorVariable: 'problem', transfer: 'done', transferError: 'done' },
        done: stop,
    },
    vast: { begin: { type: 'stop', result: ['${a}', '${a}', '${a}'] } },
    many: { begin: { type: 'stop', result: '${v9}' } },
    variables: { begin: { type: 'stop', result: 'for ${startparam1}' } },
};

let server;
before(async () => {
    const configured = Object.entries(kinds).map(([name, components]) => [name, { scenario: scenario(name, components) }]);
    const jobs = Object.fromEntries(configured);
    Object.assign(jobs.brief, { timeout: '300ms' });
    Object.assign(jobs.many, { timeout: '20s' });
    server = await startServer({ config: { http: { body_max: '4MiB' }, ...eraConfig({}, jobs) } });
});
after(() => server.stop());

async function run(kind, params, api = server.client) {
    const job = await api.end((await api.start(kind, params)).id);
    if (!job.result) return { job };
    const answer = await api.get(`/v1/jobs/${job.id}/result`);
    assert.equal(answer.status, 200, answer.text);
    return { job, variables: JSON.parse(answer.text) };
}

async function finished(kind, params) {
    const { job, variables } = await run(kind, params);
    assert.equal(job.state, 'finished', job.message);
    assert.equal(job.result.name, 'variables.json');
    return variables;
}

async function failure(kind, params) {
    const { job } = await run(kind, params);
    assert.deepEqual([job.state, job.reason], ['failed', 'failed'], job.message);
    return job.message;
}

/** An outside system that answers `ask_size` with this; nothing: it says nothing. */
async function system(t, answer) {
    const socket = await openToken(t, server, ['msg', 'svcscript']);
    socket.id = (await socket.ok('connection_info')).connectionid;
    if (answer) socket.socket.on('message', (text) => {
        const [name, { qid }] = JSON.parse(text);
        if (name === 'ask_size') socket.send('ask_size_result', { qid, ...answer });
    });
    return socket;
}

/* ---- the page ---- */

test('the page: its example as a kind of jobs', async (t) => {
    const start = async (answer) => {
        const socket = await system(t, answer);
        return (await run('size', { connectionid: socket.id }, server.backend));
    };
    const [large, small, wrong] = [await start({ w: 50 }), await start({ w: 49 }), await start({ result: 'error', errormsg: 'no idea' })];
    assert.deepEqual([large.variables.result, large.variables.size, large.variables.problem], ['large', { w: 50 }, null]);
    assert.equal(small.variables.result, 'small');
    assert.deepEqual([wrong.job.state, wrong.job.message], ['failed', 'no idea']);
    const gone = await run('size', { connectionid: 'nobody' });
    assert.deepEqual([gone.job.state, gone.job.reason], ['failed', 'failed']);
});

test('the page: its commands', async (t) => {
    const own = temporaryDirectory();
    const socket = await system(t, { w: 70 });
    writeFileSync(path.join(own, 'size.json'), example);
    mkdirSync(path.join(own, 'bin'));
    symlinkSync(binary, path.join(own, 'bin/ringback'));
    const yaml = blocks('yaml')[0].replace('/etc/ringback', own);
    writeFileSync(path.join(own, 'ringback.yaml'), `data: ${own}/data\n${yaml}`);
    const env = {
        ...process.env,
        PATH: `${own}/bin:${process.env.PATH}`,
        CONNECTION: socket.id,
        RINGBACK_URL: server.url,
        RINGBACK_TOKEN: server.backendToken,
    };
    const [, check] = page.match(/`(ringback check -c ringback\.yaml)`/);
    const commands = [check, ...blocks('sh')].join('\n');
    const { stdout } = await promisify(execFile)('bash', ['-euc', commands], { cwd: own, env, timeout: 60_000 });
    assert.match(stdout, /ringback\.yaml: fine/);
    assert.match(stdout, /^\{"title":"begin"\}\n\{"title":"Asking for the size"\}\n\{"title":"judge"\}\n\{"title":"large"\}$/m);
    assert.match(stdout, /"transfer":"transfer","result":\{"w":70\}/);
    assert.equal(JSON.parse(readFileSync(path.join(own, 'variables.json'), 'utf8')).result, 'large');
});

/* ---- the file ---- */

test('what `ringback check` says of a file', async () => {
    const check = async (components) => {
        const file = scenario('checked', components);
        const config = writeConfig(temporaryDirectory(), { jobs: { checked: { scenario: file } } });
        const { status, stdout, stderr } = await ringback('check', '-c', config);
        return { status, said: `${stdout}${stderr}`.replaceAll(file, 'FILE') };
    };
    const fine = await check({ begin: stop });
    assert.equal(fine.status, 0, fine.said);
    for (const [components, said] of [
        ['{\n "start": "a",\n', /FILE:\d: scenario: not valid JSON/],
        [{ begin: { type: 'jump' } }, /FILE:5: begin\.type: start, operation, job, wait/],
        [{ begin: { ...stop, conn: 'x' } }, /FILE:6: begin\.conn: no property of this type/],
        [{ begin: { type: 'start', transfer: 'nowhere' } }, /FILE:6: begin\.transfer: there is no component nowhere/],
        [{ begin: { type: 'branch', condition: ['~', 1, 2] } }, /FILE:6: begin\.condition: /],
        ['{"start":"a","components":{"a":{"type":"stop"},"a":{"type":"start"}}}', /FILE:1: scenario: not valid JSON/],
        [Object.fromEntries(Array.from({ length: 1001 }, (none, i) => [`c${i}`, stop])), /components: an object of 1 to 1000/],
        [`${'['.repeat(33)}${']'.repeat(33)}`, /scenario: not valid JSON/],
        [`{"start":"a","components":{"a":{"type":"stop"}}}${' '.repeat(1024 * 1024)}`, /larger than 1 MiB/],
    ]) {
        const wrong = await check(components);
        assert.equal(wrong.status, 1, wrong.said);
        assert.match(wrong.said, said);
        assert.match(wrong.said, /jobs\.checked\.scenario/);
    }
    const config = writeConfig(temporaryDirectory(), { jobs: { checked: { scenario: '/nowhere/at.json' } } });
    const absent = await ringback('check', '-c', config);
    assert.equal(absent.status, 1);
    assert.match(absent.stdout + absent.stderr, /cannot be read/);
});

/* ---- components ---- */

test('all types of components', async () => {
    const params = { n: 7, text: 'a "b"', kind: 'echo' };
    const variables = await finished('types', params);
    assert.deepEqual(variables.result, { n: 7, said: 'n is 7', deep: 'a "b"' });
    assert.equal(variables.twice, '77');
    assert.deepEqual(variables.list, [1, 7, { deep: 'a "b"' }]);
    assert.equal(variables.none, null);
    assert.equal(variables.problem, null);
    assert.equal(variables.job.state, 'finished');
    const own = await server.client.get(`/v1/jobs/${variables.job.id}/result`); // who started the scenario has its jobs
    assert.deepEqual(own.json, { startparam1: 'a "b"' });
    await server.client.end(variables.fired.id);
    assert.equal((await finished('types', { ...params, n: 6 })).result, 'no');
    assert.equal((await finished('types', { ...params, kind: 'nothing' })).problem.error_code, 1404);
});

test('each step is a title of the job\'s progress', async () => {
    const { id } = await server.client.start('types', { n: 7, text: 'x', kind: 'echo' });
    await server.client.end(id);
    const { text } = await server.client.get(`/v1/jobs/${id}/log`);
    assert.doesNotMatch(text, /title/); // reports are no log
    const { events } = (await server.client.get(`/v1/jobs/${id}/events?after=start`)).json;
    assert.equal(events.at(-1).name, 'finished');
    assert.equal(events.at(-1).data.report.title, 'yes');
});

test('a job ends, takes too long, fails, is not there', async () => {
    const outcome = async (kind, patience) => {
        const { result, problem, job } = await finished('outcomes', { kind, patience });
        return [result, problem?.error_code ?? null, job?.state];
    };
    assert.deepEqual(await outcome('id', 20), ['done', null, 'finished']);
    assert.deepEqual(await outcome('failing', 20), ['wrong', 1500, undefined]);
    assert.deepEqual(await outcome('nothing', 20), ['wrong', 1404, undefined]);
    assert.deepEqual(await outcome('hang', 0.2), ['late', 1408, undefined]);
    const [job] = (await server.client.get('/v1/jobs?kind=hang')).json.jobs;
    assert.equal(job.state, 'running'); // it was only not waited for any longer
    await server.client.delete(`/v1/jobs/${job.id}`);
});

test('what a client starts by its script', async (t) => {
    const socket = await system(t);
    const { data } = await socket.ok('start_svcscript', { code: 'variables', startparam1: 'you', timeout: 30_000 });
    assert.equal(data.variables.result, 'for you');
    assert.equal(data.variables.startparam1, 'you');
    assert.equal(data.variables.state, 'finished');
    const failed = await socket.ok('start_svcscript', { code: 'circle', timeout: 30_000 });
    assert.equal(failed.data.variables.state, 'failed');
    assert.match(failed.data.variables.error, /circles/);
});

test('a scenario reaches what who started it may reach', async (t) => {
    const socket = await system(t, { w: 70 });
    const { job } = await run('size', { connectionid: socket.id }, server.client); // another client of the tenant
    assert.equal(job.state, 'failed');
    assert.equal((await run('size', { connectionid: socket.id }, server.backend)).job.state, 'finished');
});

/* ---- how it ends ---- */

test('an error or a timeout that leads nowhere fails the job with what went wrong', async (t) => {
    const socket = await system(t);
    assert.match(await failure('unhandled', { connectionid: 'nobody' }), /^Asking: \S/);
    const late = await run('unhandled', { connectionid: socket.id }, server.backend);
    assert.deepEqual([late.job.state, late.job.message], ['failed', 'Asking: No reply in 0.2 s.']);
    const told = await run('fallback', { connectionid: socket.id }, server.backend); // by transferError
    assert.deepEqual([told.job.state, told.job.message], ['failed', 'it says 1408']);
    assert.equal((await finished('ended', {})).was, 'here'); // no transition: the end
});

test('a run has 10,000 steps', async () => {
    assert.match(await failure('circle', {}), /more than 10000 steps: it goes round in circles/);
});

test('cancelled, and out of time', async () => {
    const { id } = await server.client.start('endless', {});
    const title = (async () => {
        while ((await server.client.job(id)).progress?.title !== 'Asleep') continue;
    })();
    await within('its first step', title);
    await server.client.delete(`/v1/jobs/${id}`);
    assert.equal((await server.client.end(id)).state, 'cancelled');
    const { job } = await run('brief', {});
    assert.deepEqual([job.state, job.reason], ['failed', 'job_timeout']);
});

test('variables have 1 MiB together, and 64 levels', async () => {
    const a = 'x'.repeat(400_000);
    assert.match(await failure('doubling', { a: 'x' }), /variables of more than 1 MiB/);
    assert.match(await failure('nesting', { a: 1 }), /a variable of more than 64 levels/);
    assert.match(await failure('vast', { a }), /variables of more than 1 MiB/);
    assert.equal((await finished('heavy', { a })).problem.error_code, 1413); // and not without its parameters
    assert.match(await failure('variables', { startparam1: 'x'.repeat(1_100_000) }), /a JSON object of at most 1 MiB/);
});

test('many variables take no longer than few', async () => {
    const params = Object.fromEntries(Array.from({ length: 90_000 }, (none, i) => [`v${i}`, i % 10]));
    assert.equal((await finished('many', params)).result, 9);
});

/* ---- by hand ---- */

test('by hand', async () => {
    const own = temporaryDirectory();
    const file = path.join(own, 'token');
    writeFileSync(file, server.token);
    const hand = (...args) => ringback('scenario', ...args, '--url', server.url, '--token-file', file);
    const ending = promisify(execFile)(binary, ['scenario', scenario('hand', kinds.ended), '--token-file', file], { cwd: own });
    ending.child.stdin.end();
    const ended = await ending;
    assert.equal(ended.stdout, '{"title":"begin"}\n');
    assert.deepEqual(JSON.parse(readFileSync(path.join(own, 'variables.json'), 'utf8')), { was: 'here' });
    const wrong = await hand(scenario('wrong', { begin: { type: 'jump' } }));
    assert.deepEqual([wrong.status, wrong.stdout], [1, '{"error":"the scenario is not valid; the log says where"}\n']);
    assert.match(wrong.stderr, /wrong\.json:5: begin\.type: /);
    assert.equal((await hand()).status, 2);
    assert.equal((await hand('/nowhere/at.json')).status, 1);
});
