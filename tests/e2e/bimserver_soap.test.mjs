// npm's soap, which knows nothing but our WSDL: SOAP 1.1 and 1.2, the names of today and the old ones.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import soap from 'soap';
import { Bim, GatedModel, Stream, addUser, bimConfig, model, modelName, password } from './lib/bim.mjs';
import { startServer } from './lib/server.mjs';

let server;
let bim;
before(async () => {
    server = await startServer({ config: bimConfig() });
    await addUser(server, 'ann');
    bim = await Bim.as(server, 'ann');
});
after(() => server.stop());

const client = (version, intf) =>
    soap.createClientAsync(`${server.url}/soap${version}/${intf}?wsdl`, { forceSoap12Headers: version === 12 });

/** The `return` of a call. */
const call = async (port, method, parameters = {}) => (await port[`${method}Async`](parameters))[0]?.return;

/** Clients of three interfaces, with the token of a login in their headers. */
async function login(version, prefix = '') {
    const auth = await client(version, `${prefix}AuthInterface`);
    const token = await call(auth, 'login', { username: 'ann', password });
    assert.match(token, /^[0-9a-f]{96}$/);
    const clients = { auth, token };
    for (const [name, intf] of [['registry', 'NotificationRegistryInterface'], ['service', 'ServiceInterface']])
        clients[name] = await client(version, prefix + intf);
    for (const each of [auth, clients.registry, clients.service])
        each.addSoapHeader(`<t:token xmlns:t="uri:org.bimserver.shared"><token>${token}</token></t:token>`);
    return clients;
}

for (const version of [11, 12])
    for (const prefix of ['', 'Bimsie1'])
        test(`SOAP 1.${version - 10}, ${prefix || 'today'}: a check-in is followed`, async (t) => {
            const { auth, registry, service, token } = await login(version, prefix);
            assert.equal(await call(auth, 'isLoggedIn'), true);
            const poid = await bim.project();
            const deserializerOid = await bim.deserializer(poid);
            const topicId = Number(await call(service, 'initiateCheckin', { poid, deserializerOid }));
            const stream = await Stream.open(t, new Bim(server, token));
            const endpoint = { topicId, endPointId: stream.endpoint };
            assert.equal(await call(registry, 'registerProgressHandler', endpoint), undefined);
            const gated = new GatedModel(t);
            const form = { token, deserializerOid, comment: '', poid, topicId };
            await bim.upload(form, gated.bytes, { fileName: 'gated.ifc' });
            gated.report({ progress: 40, title: 'Höhe < Breite & "mehr"' }, { warning: 'w1' }, { warning: 'w2' });
            const titled = ({ title, warnings }) => title.startsWith('Höhe') && warnings.length === 2;
            const pushed = await stream.state(topicId, titled);
            const state = await call(registry, 'getProgress', { topicId });
            assert.deepEqual(
                [state.state, Number(state.progress), state.title, state.warnings],
                ['STARTED', 40, 'Höhe < Breite & "mehr"', ['w1', 'w2']],
            );
            assert.equal(new Date(state.start).getTime(), pushed.start);
            assert.equal(await call(registry, 'unregisterProgressHandler', endpoint), undefined);
            const count = stream.count('progress');
            gated.end();
            let end;
            do end = await call(registry, 'getProgress', { topicId });
            while (end.state === 'STARTED');
            assert.deepEqual([end.state, Number(end.progress)], ['FINISHED', 100]);
            await stream.call('AuthInterface.isLoggedIn');
            assert.equal(stream.count('progress'), count);
        });

for (const version of [11, 12])
    test(`SOAP 1.${version - 10}: a file in an element, and back`, async () => {
        const { service, registry } = await login(version);
        const project = await call(service, 'addProject', { projectName: `soap ${version}`, schema: 'ifc2x3tc1' });
        const poid = Number(project.oid);
        const deserializer = await call(service, 'getSuggestedDeserializerForExtension', { extension: 'ifc', poid });
        const end = await call(service, 'checkinSync', {
            poid,
            comment: 'über SOAP',
            deserializerOid: Number(deserializer.oid),
            fileSize: model.length,
            fileName: modelName,
            data: model.toString('base64'),
            merge: false,
        });
        assert.deepEqual([end.state, end.title], ['FINISHED', `Checkin of ${modelName}`]);
        const serializer = await call(service, 'getSerializerByContentType', { contentType: 'application/ifc' });
        const topicId = await call(service, 'download', {
            roids: [Number(end.roid)],
            query: '{}',
            serializerOid: Number(serializer.oid),
            sync: true,
        });
        const data = await call(service, 'getDownloadData', { topicId: Number(topicId) });
        assert.deepEqual(Buffer.from(data.file, 'base64'), model);
        const open = Number(await call(service, 'initiateCheckin', { poid, deserializerOid: Number(deserializer.oid) }));
        const topics = await call(registry, 'getProgressTopicsOnProject', { poid });
        assert.deepEqual([topics].flat().map(Number), [open]);
    });

for (const version of [11, 12])
    test(`SOAP 1.${version - 10}: faults come with status 200`, async () => {
        const auth = await client(version, 'AuthInterface');
        const statuses = [];
        auth.on('response', (body, response) => statuses.push(response.status));
        const refused = (promise, message) =>
            assert.rejects(promise, ({ root }) => {
                assert.ok(JSON.stringify(root.Envelope.Body.Fault).includes(message), JSON.stringify(root));
                return true;
            });
        await refused(call(auth, 'login', { username: 'ann', password: 'wrong' }), 'Invalid username/password combination');
        await refused(call(auth, 'getLoggedInUser'), 'Authentication required for this call');
        auth.addSoapHeader('<t:token xmlns:t="uri:org.bimserver.shared"><token>00</token></t:token>');
        await refused(call(auth, 'getLoggedInUser'), 'Invalid token');
        assert.deepEqual(statuses, [200, 200, 200]);
    });

test('the WSDL of each interface names every method of it', async () => {
    const interfaces = await bim.call('MetaInterface.getServiceInterfaces');
    for (const { name, simpleName } of interfaces) {
        const methods = await bim.call('MetaInterface.getServiceMethods', { serviceInterfaceName: name });
        const port = (await client(11, simpleName)).describe()[`${simpleName}Service`][`${simpleName}Port`];
        assert.deepEqual(Object.keys(port).sort(), methods.map((method) => method.name).sort());
    }
    assert.equal((await server.client.get('/soap11/NoInterface?wsdl', { token: null })).status, 404);
});

test('XML that is refused', async () => {
    const post = (body) => server.client.request('POST', '/soap11/AuthInterface', { body, headers: { 'Content-Type': 'text/xml' }, token: null });
    const envelope = (inside) => `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>${inside}</e:Body></e:Envelope>`;
    for (const body of [
        '',
        'not XML',
        `<!DOCTYPE x [<!ENTITY e "${'x'.repeat(1000)}">]>${envelope('<x>&e;&e;&e;</x>')}`,
        envelope('<a>'.repeat(10_000) + '</a>'.repeat(10_000)),
        envelope('<b:nonsense xmlns:b="org.bimserver"/>'),
        '<e:Envelope xmlns:e="urn:other"/>',
    ]) {
        const answer = await post(body);
        assert.match(answer.text, /Fault>/, body.slice(0, 50));
    }
});
