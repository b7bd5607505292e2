// A configuration with rooms that have nothing to do with jobs, and what a back end does with them.
import assert from 'node:assert/strict';
import { within } from './wait.mjs';

export const chatConfig = (socketio = {}) => ({
    socketio: {
        v3: true,
        rooms: [
            {
                join: 'join-chat',
                leave: 'leave-chat',
                topic: 'chat/{room}',
                key: 'room',
                tenant_field: '',
                publish: ['chat'],
            },
        ],
        ...socketio,
    },
});

/** What a back end does with one room. */
export class Room {
    constructor(api, name) {
        Object.assign(this, { api, name, topic: `chat/${name}` });
    }

    async publish(events) {
        const answer = await this.api.post(`/v1/topics/${encodeURIComponent(this.topic)}/events`, JSON.stringify(events));
        assert.ok(answer.status < 300, answer.text);
    }

    /** Those who are in it. */
    async connections() {
        const answer = await this.api.get(`/v1/connections?topic=${encodeURIComponent(this.topic)}`);
        assert.equal(answer.status, 200, answer.text);
        return answer.json.connections;
    }

    /** The one who is in it. */
    async connection() {
        const all = await this.connections();
        assert.equal(all.length, 1, JSON.stringify(all));
        return all[0];
    }

    /** When nobody is in it any more. */
    empty() {
        const ask = async () => {
            while ((await this.connections()).length > 0);
        };
        return within(`${this.topic} to be empty`, ask());
    }
}

/** Of JSON with binary values in it. */
export const binary = (bytes) => ({ $binary: Buffer.from(bytes).toString('base64') });
