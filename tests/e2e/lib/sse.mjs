// Event streams: raw, and by the npm package that users have.
import { EventSource } from 'eventsource';
import http from 'node:http';
import { Inbox, within } from './wait.mjs';

/** A stream as it goes over the wire: {status, headers, events (Inbox of {id, event, data}), ended, close()}. */
export async function openStream(t, url, token, headers = {}) {
    const all = { Accept: 'text/event-stream', ...(token && { Authorization: `Bearer ${token}` }), ...headers };
    const request = http.get(url, { headers: all, agent: false });
    const answered = new Promise((resolve, reject) => request.on('response', resolve).on('error', reject));
    const response = await within('the answer of an event stream', answered);
    const { statusCode: status, headers: head } = response;
    const stream = { status, headers: head, events: new Inbox(), close: () => request.destroy() };
    request.on('error', () => {});
    let text = '';
    response.setEncoding('utf8').on('data', (part) => {
        const blocks = (text + part).split('\n\n');
        text = blocks.pop();
        for (const block of blocks) if (!block.startsWith(':')) stream.events.push(fields(block));
    });
    response.on('error', () => {});
    stream.ended = new Promise((resolve) => response.on('close', resolve));
    stream.ended.then(() => stream.events.end('the stream has ended'));
    t.after(stream.close);
    return stream;
}

function fields(block) {
    const found = {};
    for (const line of block.split('\n')) {
        const [, name, value] = /^(\w+): (.*)$/.exec(line) ?? [];
        if (name === undefined) throw new Error(`not a line of an event stream: ${line}`);
        found[name] = name in found ? `${found[name]}\n${value}` : value;
    }
    return found;
}

/** An EventSource with a token; events of these names land in its inbox as {id, event, data}. */
export function eventSource(t, url, token, names) {
    const source = new EventSource(url, {
        fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } }),
    });
    const events = new Inbox();
    for (const name of names)
        source.addEventListener(name, ({ lastEventId: id, data }) => events.push({ id, event: name, data: JSON.parse(data) }));
    t.after(() => source.close());
    return { source, events };
}
