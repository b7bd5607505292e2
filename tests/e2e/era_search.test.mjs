// The registrar's search, whose token a token is, and scripts over HTTP.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Api } from './lib/api.mjs';
import { eraConfig, newPoint, openToken, openUser } from './lib/era.mjs';
import { Gate } from './lib/gate.mjs';
import { NativeSocket } from './lib/native_socket.mjs';
import { startServer } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

let server;
before(async () => {
    const capabilities = { desk: { families: ['user', 'token'], events: ['show'] } };
    server = await startServer({ config: { threads: 2, ...eraConfig({ capabilities, site: 'here' }) } });
});
after(() => server.stop());

async function search(parameters = {}, api = server.backend) {
    const answer = await api.get(`/era/v1/connections?${new URLSearchParams(parameters)}`);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
}

const idsOf = ({ connections }) => connections.map(({ connection_id }) => connection_id).sort();
const infoOf = (socket) => socket.ok('connection_info');

function assertError(answer, status) {
    assert.deepEqual([answer.status, answer.json?.error_code], [status, 1000 + status], answer.text);
}

test('by user and capability, by any field, and no more once it is closed', async (t) => {
    const person = await openUser(t, server, ['desk']);
    const outside = await openToken(t, server, ['msg', 'desk']);
    const bare = await openToken(t, server, []);
    const [p, o, b] = [await infoOf(person), await infoOf(outside), await infoOf(bare)];
    const all = [p, o, b].map(({ connectionid }) => connectionid).sort();

    assert.deepEqual(idsOf(await search()), all);
    const rows = [
        [{ user: p.user_id }, [p]],
        [{ user: 'nobody' }, []],
        [{ capability: 'desk' }, [p, o]],
        [{ capability: 'des' }, []],
        [{ user: p.user_id, capability: 'desk' }, [p]],
        [{ user: p.user_id, capability: 'msg' }, []],
        [{ filter: `["==",["property","user_id"],"${p.user_id}"]` }, [p]],
        [{ filter: '["in","msg",["property","caps"]]' }, [o]],
        [{ filter: '["==",["property","ownertype"],"token"]' }, [o, b]],
        [{ filter: `["==",["property","session_id"],"${p.sessionid}"]` }, [p]],
        [{ filter: '["and",["==",["property","site"],"here"],["==",["property","domain"],"demo"]]' }, [p, o, b]],
        [{ filter: '["not",["==",["property","peer_address"],"127.0.0.1"]]' }, []],
        [{ user: p.user_id, filter: '["==",["property","ownertype"],"token"]' }, []],
        [{ user: p.user_id, filter: '["==",["property","ownertype"],"user"]' }, [p]],
        [{ user: 'u"],["or"', filter: '["==",["property","ownertype"],"user"]' }, []],
    ];
    for (const [parameters, expected] of rows)
        assert.deepEqual(idsOf(await search(parameters)), expected.map(({ connectionid }) => connectionid).sort(), JSON.stringify(parameters));

    const [row] = (await search({ user: p.user_id })).connections;
    assert.equal(row.session_id, p.sessionid);
    assert.equal(row.login, server.user.login);
    assert.deepEqual(row.caps, ['desk']);
    assert.equal(row.ttl, 120);
    assert.equal(row.peer_address, '127.0.0.1');
    assert.ok(row.peer_port > 0);
    assert.equal(row.integration_point_id, undefined);
    const masked = await search({ user: p.user_id, mask: 'connection_id,integration_point_id,caps' });
    assert.deepEqual(masked, { connections: [{ connection_id: p.connectionid, caps: ['desk'], integration_point_id: null }], next: null });

    await person.close();
    await until(async () => idsOf(await search({ user: p.user_id })).length === 0, 'the record to be gone');
});

test('page after page', async (t) => {
    const own = [];
    for (let i = 0; i < 5; i++) own.push((await infoOf(await openToken(t, server, ['msg']))).connectionid);
    const found = [];
    let page = {};
    do {
        page = await search({ capability: 'msg', limit: 2, ...(page.next ? { after: page.next } : {}) });
        assert.ok(page.connections.length <= 2);
        found.push(...idsOf(page));
    } while (page.next);
    assert.deepEqual(found.filter((id) => own.includes(id)).sort(), own.sort());
});

test('clients see their own, other tenants nothing, nobody is refused', async (t) => {
    const outside = await infoOf(await openToken(t, server, []));
    const native = await NativeSocket.open(t, server);
    const { connection } = await native.ask({ op: 'whoami' });
    assert.ok(idsOf(await search()).includes(outside.connectionid) && idsOf(await search()).includes(connection));
    assert.ok(idsOf(await search({}, new Api(server.url, server.apiToken))).includes(outside.connectionid));
    assert.deepEqual(idsOf(await search({}, server.client)), [connection]);
    assert.deepEqual(idsOf(await search({}, await server.as('elsewhere', 'boss', '--role', 'backend'))), []);
    assertError(await server.client.get('/era/v1/connections', { token: null }), 401);
    const wrong = [{ limit: 0 }, { limit: 1001 }, { after: 'x' }, { mask: 'nope' }, { filter: '[' }, { filter: '["==",["property","nope"],1]' }];
    for (const parameters of [...wrong, { order: '["app"]' }, { offset: 1 }])
        assertError(await server.backend.get(`/era/v1/connections?${new URLSearchParams(parameters)}`), 400);
});

test('whose token it is', async () => {
    const point = await newPoint(server, 'billing', '--type', 'erp');
    const at = (token) => `/rest/v1/service/integration_tokens/${encodeURIComponent(token)}`;
    const answer = await server.backend.get(at(point.token));
    assert.equal(answer.status, 200, answer.text);
    const { domain, integration_point } = answer.json;
    assert.equal(domain, 'demo');
    assert.deepEqual([integration_point.code, integration_point.type], ['billing', 'erp']);
    assert.match(integration_point.id, /^p/);
    for (const token of ['made-up', server.backendToken]) assertError(await server.backend.get(at(token)), 404);
    assertError(await (await server.as('elsewhere', 'boss', '--role', 'backend')).get(at(point.token)), 404);
    assertError(await server.client.get(at(point.token)), 403);
});

test('scripts: started, listed, read, stopped', async (t) => {
    const runtimes = '/rest/v1/service/svcscript_runtimes';
    const gate = new Gate(t);
    const started = await server.client.post(runtimes, { code: 'gated', startparam1: gate.path, startparam21: 'passed over' });
    assert.equal(started.status, 201, started.text);
    const { id, state, ...rest } = started.json;
    assert.deepEqual(rest, { site: 'here', node: 0, domain: 'demo', type: 'svc', code: 'gated' });
    assert.ok(['queued', 'running'].includes(state));
    await until(async () => (await server.client.get(`${runtimes}/${id}`)).json.state === 'running', 'it to run');
    assert.deepEqual((await server.client.get(runtimes)).json.map((one) => one.id), [id]);
    assert.deepEqual((await (await server.as('demo', 'other')).get(runtimes)).json, []);
    assertError(await (await server.as('demo', 'other')).get(`${runtimes}/${id}`), 404);
    assert.equal((await server.client.delete(`${runtimes}/${id}`)).status, 204);
    assert.equal((await server.client.end(id)).state, 'cancelled');
    assertError(await server.client.delete(`${runtimes}/${id}`), 409);
    assertError(await server.client.post(runtimes, { code: 'nope' }), 404);
    assertError(await server.client.post(runtimes, {}), 400);
    assertError(await server.client.delete(`${runtimes}/nope`), 404);
});
