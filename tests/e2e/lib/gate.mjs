// Jobs that go on when the test says so: the worker reads a line from a FIFO, which lets it wait without a clock.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { temporaryDirectory, worker } from './server.mjs';

/** A command for a configuration; its parameter `gate` is the path of a gate. Its result is one file with the text of the gate. */
export const gatedCommand = [worker, 'gated', '{gate}'];

export class Gate {
    constructor(t) {
        this.path = path.join(temporaryDirectory(), 'gate');
        execFileSync('mkfifo', [this.path]);
        this.fd = openSync(this.path, constants.O_RDWR); // held open on both ends: nobody waits for anybody
        t.after(() => closeSync(this.fd));
    }

    /** Lets one worker pass: the one that stands there, or the next that comes. */
    open(text = 'open') {
        writeSync(this.fd, `${text}\n`);
    }
}
