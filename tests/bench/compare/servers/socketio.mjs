// Fan-out by npm socket.io: a room, and one emit to it for each event.
// POST /publish publishes its body. Prints the port it listens on.
import http from 'node:http';
import { Server } from 'socket.io';

const server = http.createServer((request, response) => {
    if (request.url !== '/publish') return; // the sockets' own
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
        io.to('bench').emit('event', JSON.parse(Buffer.concat(chunks)));
        response.writeHead(204).end();
    });
});
server.keepAliveTimeout = 0;

const io = new Server(server, { transports: ['websocket'], serveClient: false });
io.on('connection', (socket) => {
    socket.on('subscribe', (acknowledge) => {
        socket.join('bench');
        acknowledge();
    });
});

server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => console.log(server.address().port));
