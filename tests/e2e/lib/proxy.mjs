// A line that can be cut: TCP from a port of its own to the server's.
import { EventEmitter, on, once } from 'node:events';
import net from 'node:net';

export class Proxy extends EventEmitter {
    #pairs = new Set();
    #isSwallowing = false;
    isRefusing = false;

    static async start(t, port) {
        const proxy = new Proxy();
        proxy.toPort = port;
        proxy.server = net.createServer((client) => proxy.#join(client));
        proxy.server.listen(0, '127.0.0.1');
        await once(proxy.server, 'listening');
        proxy.url = `http://127.0.0.1:${proxy.server.address().port}`;
        t.after(() => {
            proxy.cut();
            proxy.server.close();
        });
        return proxy;
    }

    #join(client) {
        if (this.isRefusing) {
            client.destroy();
            return;
        }
        const server = net.connect(this.toPort, '127.0.0.1');
        const pair = [client, server];
        this.#pairs.add(pair);
        for (const end of pair) {
            end.setNoDelay();
            end.on('error', () => {}); // the other end hears of the close
            end.on('close', () => {
                this.#pairs.delete(pair);
                for (const each of pair) each.destroy();
            });
        }
        client.on('data', (bytes) => server.write(bytes));
        client.on('end', () => server.end());
        server.on('end', () => client.end());
        server.on('data', (bytes) => {
            if (this.#isSwallowing) this.emit('swallowed', bytes.toString('latin1'));
            else client.write(bytes);
        });
    }

    /** Both ends of every line learn that it is gone. */
    cut() {
        for (const pair of this.#pairs) for (const end of pair) end.destroy();
    }

    /** What the server sends goes nowhere, and nobody notices. */
    swallow(isSwallowing) {
        this.#isSwallowing = isSwallowing;
    }

    /** When this text has been swallowed. */
    async swallowed(text) {
        let all = '';
        for await (const [bytes] of on(this, 'swallowed')) {
            all += bytes;
            if (all.includes(text)) return;
        }
    }
}
