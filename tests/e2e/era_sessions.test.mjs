// Logging in and out over HTTP, with cookies and with tokens.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Api } from './lib/api.mjs';
import { advance, eraConfig, openToken, openUser } from './lib/era.mjs';
import { startServer } from './lib/server.mjs';

const sessions = '/rest/v1/iam/sessions';
const current = `${sessions}/current`;

let server;
before(async () => {
    server = await startServer({ args: ['--clock-control'], config: { threads: 2, ...eraConfig({ ping_interval: '1h', silence_max: '3h' }) } });
});
after(() => server.stop());

const login = (more = {}, options = {}) =>
    server.client.post(sessions, { domain: 'demo', ...server.user, ...more }, { token: null, ...options });
const withCookie = (method, id, { name = 'RSessionId', path = current, body, headers } = {}) =>
    server.client.request(method, path, { token: null, body, headers: { Cookie: `${name}=${id}`, ...headers } });
const withBearer = (method, id) => new Api(server.url, id).request(method, current);

function assertError(answer, status) {
    assert.deepEqual([answer.status, answer.json?.error_code], [status, 1000 + status], answer.text);
}

/** The session that a login has made, as text. */
async function token(more) {
    const answer = await login({ session_type: 'token', ...more });
    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.headers['set-cookie'], undefined);
    return answer.json.session_token;
}

test('a browser: the id is a cookie that scripts cannot read', async () => {
    const answer = await login();
    assert.equal(answer.status, 201, answer.text);
    const { id, user_id, ...rest } = answer.json;
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.match(user_id, /^u/);
    assert.deepEqual(rest, { domain: 'demo', login: server.user.login });
    assert.deepEqual(answer.headers['set-cookie'], [`RSessionId=${id}; Path=/; HttpOnly; SameSite=Lax`]);
    for (const name of ['RSessionId', 'RSession']) {
        const got = await withCookie('GET', id, { name });
        assert.equal(got.status, 200, got.text);
        const { created, connections, roles, ...same } = got.json;
        assert.deepEqual(same, answer.json);
        assert.ok(Array.isArray(roles));
        assert.match(created, /Z$/);
        assert.equal(connections, 0);
    }
});

test('Secure, where the configuration says so', async (t) => {
    const secure = await startServer({ t, config: { threads: 1, ...eraConfig({ secure_cookie: true }) } });
    const answer = await secure.client.post(sessions, { td: 'demo', ...secure.user }, { token: null });
    assert.match(answer.headers['set-cookie'][0], /; HttpOnly; SameSite=Lax; Secure$/);
});

test('a token: the id is text, and a bearer', async () => {
    const id = await token();
    assert.equal((await withBearer('GET', id)).json.login, server.user.login);
});

test('token_clone_cookie: another session of the one whose cookie it is', async () => {
    const { id } = (await login()).json;
    const answer = await withCookie('POST', id, { path: sessions, body: { session_type: 'token_clone_cookie' } });
    assert.equal(answer.status, 201, answer.text);
    assert.notEqual(answer.json.session_token, id);
    assert.equal(answer.json.login, server.user.login);
    assert.equal((await withBearer('DELETE', answer.json.session_token)).status, 204);
    assert.equal((await withCookie('GET', id)).status, 200);
    assertError(await login({ session_type: 'token_clone_cookie' }), 401);
});

test('the session of an outside system cannot be copied: it would outlive its token', async (t) => {
    const socket = await openToken(t, server);
    const { sessionid } = await socket.ok('connection_info');
    const answer = await new Api(server.url, sessionid).post(sessions, { session_type: 'token_clone_cookie' });
    assertError(answer, 403);
});

test('domain and td are the same', async () => {
    const answer = await server.client.post(sessions, { td: 'demo', ...server.user }, { token: null });
    assert.equal(answer.status, 201, answer.text);
    assertError(await server.client.post(sessions, { ...server.user }, { token: null }), 400);
});

test('logging out: the session is gone, the cookie too, the socket may not join any more', async (t) => {
    const { id } = (await login()).json;
    const answer = await withCookie('DELETE', id);
    assert.equal(answer.status, 204);
    assert.deepEqual(answer.headers['set-cookie'], ['RSessionId=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0']);
    for (const method of ['GET', 'PATCH', 'DELETE']) assertError(await withCookie(method, id), 401);
    await assert.rejects(openUser(t, server, [], { rsessionid: id }));
    await advance(server, 181_000);
});

test('it lives for an hour after its last use; PATCH is a use, an open socket too', async (t) => {
    const [used, patched, open, forgotten] = [await token(), await token(), await token(), await token()];
    await openUser(t, server, [], { rsessionid: open });
    for (let i = 0; i < 3; i++) {
        await advance(server, 55 * 60_000);
        assert.equal((await withBearer('GET', used)).status, 200);
        assert.equal((await withBearer('PATCH', patched)).status, 200);
    }
    assert.equal((await withBearer('GET', open)).json.connections, 1);
    assertError(await withBearer('GET', forgotten), 401);
    await advance(server, 61 * 60_000);
    for (const id of [used, patched]) assertError(await withBearer('GET', id), 401);
    await advance(server, 181_000);
});

test('what is not understood, and who may not', async () => {
    const bodies = ['', '{', '[]', '{}', { domain: 'demo' }, { domain: 'demo', login: 'x' }, { domain: 'demo', ...server.user, session_type: 'other' }];
    for (const body of bodies) assertError(await server.client.post(sessions, body, { token: null }), 400);
    assertError(await login({}, { headers: { Origin: 'https://evil.example' } }), 403);
    const { id } = (await login()).json;
    for (const method of ['GET', 'PATCH', 'DELETE']) assertError(await withCookie(method, id, { headers: { Origin: 'https://evil.example' } }), 403);
    assert.equal((await withCookie('GET', id, { headers: { Origin: server.url } })).status, 200);
    assertError(await server.client.get(current, { token: null }), 401);
    const long = await login({ pwd: 'x'.repeat(20_000) });
    assertError(long, 413);
});

test('five failures within three minutes: refused unread, whatever comes', async () => {
    await advance(server, 181_000);
    for (let i = 0; i < 5; i++) assertError(await login(i % 2 ? { pwd: 'wrong' } : { login: `nobody-${i}` }), 401);
    const braked = await login();
    assertError(braked, 429);
    const after_s = Number(braked.headers['retry-after']);
    assert.ok(after_s > 100 && after_s <= 181, braked.headers['retry-after']);
    await advance(server, after_s * 1000);
    assert.equal((await login()).status, 201);
});

test('made-up session ids count as failures', async () => {
    await advance(server, 181_000);
    const mine = await token();
    for (let i = 0; i < 5; i++) assertError(await withBearer('GET', `0000000${i}-89ab-4cde-8f01-23456789abcd`), 401);
    for (const answer of [await login(), await withBearer('GET', '00000009-89ab-4cde-8f01-23456789abcd'), await withCookie('GET', 'x')]) {
        assertError(answer, 429);
        assert.ok(Number(answer.headers['retry-after']) > 100);
    }
    assert.equal((await withBearer('GET', mine)).status, 200, 'who has one is served');
    await advance(server, 181_000);
});

test('other calls take a session as well as a token', async () => {
    const id = await token();
    const found = await new Api(server.url, id).get('/era/v1/connections');
    assert.equal(found.status, 200, found.text);
    const cookie = await withCookie('GET', id, { path: '/era/v1/connections' });
    assert.equal(cookie.status, 200, cookie.text);
});
