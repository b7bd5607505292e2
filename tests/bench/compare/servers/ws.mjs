// Fan-out by npm ws, the way its documentation shows: every event is sent to each client of a set.
// POST /publish publishes its body. Prints the port it listens on.
import http from 'node:http';
import { WebSocketServer } from 'ws';

const subscribers = new Set();
const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
        const data = Buffer.concat(chunks);
        for (const client of subscribers) client.send(data, { binary: false });
        response.writeHead(204).end();
    });
});
server.keepAliveTimeout = 0;

const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket) => {
    socket.on('close', () => subscribers.delete(socket));
    socket.on('message', () => {
        subscribers.add(socket);
        socket.send('ok');
    });
});

server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => console.log(server.address().port));
