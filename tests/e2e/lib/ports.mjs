// Ports of the kernel's choice, for what cannot be told to take port 0.
import { once } from 'node:events';
import net from 'node:net';

/** Free a moment ago. */
export async function freePort() {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
}
