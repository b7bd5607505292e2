// npm socket.io with the application that Socket.IO's own test suites expect, and heartbeats that do not get in the way.
// Prints the port it listens on.
import http from 'node:http';
import { Server } from 'socket.io';

const server = http.createServer();
server.keepAliveTimeout = 0;

const io = new Server(server, { serveClient: false, pingInterval: 300_000, pingTimeout: 20_000 });
io.on('connection', (socket) => {
    socket.emit('auth', socket.handshake.auth);
    socket.on('message-with-ack', (...args) => args.pop()(...args));
});

server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => console.log(server.address().port));
