// Bytes on a TCP connection, for what no decent client would send; and WebSocket frames on top of them.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { Inbox, within } from './wait.mjs';

/** A TCP connection whose input is collected as text, a byte a character. */
export class RawConnection {
    received = '';
    #wake = () => {};

    static async open(t, port) {
        const raw = new RawConnection();
        raw.tcp = net.connect(port, '127.0.0.1');
        raw.tcp.setNoDelay();
        raw.ended = new Promise((resolve) => raw.tcp.once('close', resolve));
        raw.tcp.on('error', () => {}); // seen as an end
        raw.tcp.on('data', (bytes) => {
            raw.received += bytes.toString('latin1');
            raw.#wake();
        });
        raw.tcp.on('close', () => raw.#wake());
        t.after(() => raw.tcp.destroy());
        await once(raw.tcp, 'connect');
        return raw;
    }

    send(bytes) {
        this.tcp.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
    }

    /** Takes what has come up to and with the match of the expression. */
    async until(expression, what = String(expression)) {
        for (;;) {
            const match = expression.exec(this.received);
            if (match) {
                const text = this.received.slice(0, match.index + match[0].length);
                this.received = this.received.slice(text.length);
                return text;
            }
            assert.ok(!this.tcp.closed, `the connection ended before ${what}; came: ${this.received.slice(0, 300)}`);
            await within(what, new Promise((resolve) => (this.#wake = resolve)));
        }
    }

    /** An answer with a Content-Length, in one chunk, or without a body: {status, head, body}. */
    async answer() {
        const head = await this.until(/\r\n\r\n/, 'the head of an answer');
        if (/\r\nTransfer-Encoding: chunked\r\n/i.test(head)) {
            const [, body] = /^[0-9a-f]+\r\n([^]*)\r\n0\r\n\r\n$/.exec(await this.until(/\r\n0\r\n\r\n/, 'the last chunk'));
            return { status: Number(head.slice(9, 12)), head, body };
        }
        const bytes = Number(/\r\nContent-Length: (\d+)/i.exec(head)?.[1] ?? 0);
        const body = await this.until(new RegExp(`^[^]{${bytes}}`), 'the body of an answer');
        return { status: Number(head.slice(9, 12)), head, body };
    }

    /** All that comes until the server ends the connection. */
    async rest() {
        await within('the end of the connection', this.ended);
        return this.received;
    }
}

const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

export function frame(type, payload = '', { fin = true, masked = true, rsv = 0 } = {}) {
    const data = Buffer.from(payload);
    const opcode = typeof type === 'number' ? type : OPCODES[type];
    const n = data.length;
    const length = n < 126 ? [n] : n < 65536 ? [126, n >> 8, n & 255] : [127, 0, 0, 0, 0, ...uint32(n)];
    length[0] |= masked ? 0x80 : 0;
    const mask = masked ? randomBytes(4) : Buffer.alloc(0);
    const body = masked ? data.map((byte, i) => byte ^ mask[i & 3]) : data;
    return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | (rsv << 4) | opcode, ...length]), mask, body]);
}

const uint32 = (n) => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];

export function closePayload(code, text = '') {
    return Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(text)]);
}

/** The request head of an upgrade; a header null leaves it out. */
export function upgradeHead(path, headers = {}) {
    const all = {
        Host: '127.0.0.1',
        Upgrade: 'websocket',
        Connection: 'Upgrade',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        ...headers,
    };
    const lines = Object.entries(all).filter(([, value]) => value !== null);
    return `GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/** A WebSocket whose frames are seen as they are: {type, text, payload, fin}. */
export class RawSocket {
    frames = new Inbox();
    #bytes = Buffer.alloc(0);

    static async open(t, port, path, headers, behind = '') {
        const raw = await RawConnection.open(t, port);
        raw.send(Buffer.concat([Buffer.from(upgradeHead(path, headers)), Buffer.from(behind)]));
        const head = await raw.until(/\r\n\r\n/, 'the answer to the upgrade');
        assert.match(head, /^HTTP\/1\.1 101 /);
        const accept = createHash('sha1').update('dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
        assert.match(head, new RegExp(`\r\nSec-WebSocket-Accept: ${accept.replace(/[+/=]/g, '\\$&')}\r\n`));
        const socket = new RawSocket();
        Object.assign(socket, { raw, head, tcp: raw.tcp, ended: raw.ended });
        raw.tcp.removeAllListeners('data');
        raw.tcp.on('data', (bytes) => socket.#take(bytes));
        raw.tcp.on('close', () => socket.frames.end('the connection is closed'));
        socket.#take(Buffer.from(raw.received, 'latin1'));
        return socket;
    }

    #take(bytes) {
        this.#bytes = Buffer.concat([this.#bytes, bytes]);
        for (;;) {
            const b = this.#bytes;
            if (b.length < 2) return;
            assert.equal(b[1] & 0x80, 0, 'a server does not mask');
            let n = b[1];
            let at = 2;
            if (n === 126) [n, at] = [b.length < 4 ? Infinity : b.readUInt16BE(2), 4];
            else if (n === 127) [n, at] = [b.length < 10 ? Infinity : Number(b.readBigUInt64BE(2)), 10];
            if (b.length < at + n) return;
            const payload = b.subarray(at, at + n);
            const type = Object.keys(OPCODES).find((name) => OPCODES[name] === (b[0] & 15));
            this.frames.push({ type, fin: b[0] >> 7 === 1, rsv: (b[0] >> 4) & 7, payload, text: payload.toString() });
            this.#bytes = b.subarray(at + n);
        }
    }

    send(type, payload, options) {
        this.tcp.write(frame(type, payload, options));
    }

    text(payload) {
        this.send('text', payload);
    }

    /** The text of the next frame, which must be one of text. */
    async next(what = 'a text frame') {
        const { type, text } = await this.frames.next(what);
        assert.equal(type, 'text', `${what}: ${type} ${JSON.stringify(text)}`);
        return text;
    }

    /** The next frame must be a Close; answers it, and the server must end the connection. null: it has no code. */
    async closed(code) {
        const got = await this.frames.next('a Close frame');
        assert.equal(got.type, 'close', `${got.type} ${got.text}`);
        const gotCode = got.payload.length === 0 ? null : got.payload.readUInt16BE(0);
        assert.equal(gotCode, code, got.text);
        this.send('close', got.payload.subarray(0, 2));
        await within('the end of the connection', this.ended);
    }
}
