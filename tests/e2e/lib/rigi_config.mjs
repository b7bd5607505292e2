// The three exports without their pace for people, and one more kind whose end the test decides: `gated`.
import { gatedCommand } from './gate.mjs';
import { localize } from './server.mjs';

const exportOf = (call) => ({
    routes: ['GET', 'POST'].map((method) => `${method} /api/projects/{projectId}/process/${call}`),
    command: [localize, call, '{projectId}'],
    retry: true,
});

export const KINDS = {
    targets: 'process_export_target',
    sources: 'process_export_source',
    pseudo: 'process_export_pseudo',
};

export function rigiConfig({ jobs = {}, socketio = {}, room = {}, ...rest } = {}) {
    const own = Object.fromEntries(Object.entries(KINDS).map(([call, kind]) => [kind, exportOf(call)]));
    const gated = {
        routes: ['POST /api/projects/{projectId}/process/gated'],
        command: gatedCommand,
        concurrency: 8,
        retry: true,
    };
    return {
        ...rest,
        jobs: { ...own, gated, ...jobs },
        socketio: {
            ...socketio,
            rooms: [
                {
                    join: 'joinProcessRoom',
                    leave: 'leaveProcessRoom',
                    topic: 'projects/{projectId}',
                    key: 'projectId',
                    kinds: [...Object.values(KINDS), 'gated'],
                    ...room,
                },
            ],
        },
    };
}

/** Starts an export by its call; the job's id. */
export async function dispatch(api, call, projectId = 12, query = '') {
    const answer = await api.post(`/api/projects/${projectId}/process/${call}${query}`);
    if (answer.status !== 202) throw new Error(`${call}: ${answer.status} ${answer.text}`);
    return answer.json.jobId;
}

export function dispatchGated(api, gate, projectId = 12) {
    return dispatch(api, 'gated', projectId, `?gate=${encodeURIComponent(gate.path)}`);
}
