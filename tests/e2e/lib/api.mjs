// Calls with a token, and what comes back.
import assert from 'node:assert/strict';
import http from 'node:http';
import { within } from './wait.mjs';

export class Api {
    constructor(url, token) {
        this.url = url;
        this.token = token;
    }

    /** {status, headers, body (Buffer), text, json} of any request; body: object (JSON), string or Buffer. */
    async request(method, path, { body, headers = {}, token = this.token, ms } = {}) {
        if (token) headers = { Authorization: `Bearer ${token}`, ...headers };
        const isJson = typeof body === 'object' && !Buffer.isBuffer(body);
        if (isJson) body = JSON.stringify(body);
        const answer = await within(`${method} ${path}`, exchange(method, this.url + path, headers, body), ms);
        const isReadable = /json/.test(answer.headers['content-type'] ?? '') && answer.body.length > 0;
        return {
            ...answer,
            text: answer.body.toString(),
            json: isReadable ? JSON.parse(answer.body.toString()) : undefined,
        };
    }

    get(path, options) {
        return this.request('GET', path, options);
    }

    post(path, body, options = {}) {
        return this.request('POST', path, { body, ...options });
    }

    delete(path, options) {
        return this.request('DELETE', path, options);
    }

    /** Starts a job; its body. */
    async start(kind, params = {}, options = {}) {
        const answer = await this.post(`/v1/jobs/${kind}`, params, options);
        assert.ok([200, 202].includes(answer.status), `${kind}: ${answer.status} ${answer.text}`);
        return answer.json;
    }

    async job(id) {
        const answer = await this.get(`/v1/jobs/${id}`);
        assert.equal(answer.status, 200, answer.text);
        return answer.json;
    }

    /** When an event of this name is in the job's topic. */
    async event(id, name) {
        for (let after = 'start'; ; ) {
            const page = (await this.get(`/v1/jobs/${id}/events?after=${after}&wait=20`, { ms: 60_000 })).json;
            const found = page.events.find((event) => event.name === name);
            if (found) return found;
            assert.ok(!page.events.some((event) => event.final), `job ${id} ended without ${name}: ${JSON.stringify(page)}`);
            after = page.position;
        }
    }

    /** The job when it is over. */
    async end(id) {
        for (;;) {
            const answer = await this.get(`/v1/jobs/${id}?wait=20`, { ms: 60_000 });
            assert.equal(answer.status, 200, answer.text);
            if (['finished', 'failed', 'cancelled', 'expired'].includes(answer.json.state)) return answer.json;
        }
    }
}

/** Not fetch: it hides connections, and refuses headers that tests need. A connection for each request. */
function exchange(method, url, headers, body) {
    return new Promise((resolve, reject) => {
        const request = http.request(url, { method, headers, agent: false }, (response) => {
            const parts = [];
            response.on('data', (part) => parts.push(part));
            response.on('error', reject);
            response.on('end', () =>
                resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) }),
            );
        });
        request.on('error', reject);
        request.end(body);
    });
}

/** A problem body (RFC 9457) with this reason. */
export function assertProblem(answer, status, reason) {
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.headers['content-type'], /^application\/problem\+json/);
    assert.equal(answer.json.reason, reason, answer.text);
    assert.equal(answer.json.status, status);
    assert.ok(answer.json.title.length > 0);
}
