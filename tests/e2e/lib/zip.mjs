// The contents of a ZIP file, by its central directory: {name: Buffer}. Throws when it is no whole one.
import assert from 'node:assert/strict';
import { inflateRawSync } from 'node:zlib';

export function unzip(zip) {
    const end = zip.lastIndexOf(Buffer.from('PK\x05\x06'));
    assert.ok(end >= 0, 'no end of a central directory');
    const files = {};
    let at = zip.readUInt32LE(end + 16);
    for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
        assert.equal(zip.readUInt32LE(at), 0x02014b50, 'an entry of the central directory');
        const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset));
        const name = zip.toString('utf8', at + 46, at + 46 + nameBytes);
        files[name] = contents(zip, zip.readUInt32LE(at + 42), {
            method: zip.readUInt16LE(at + 10),
            packed: zip.readUInt32LE(at + 20),
            bytes: zip.readUInt32LE(at + 24),
        });
        at += 46 + nameBytes + extraBytes + commentBytes;
    }
    return files;
}

function contents(zip, at, { method, packed, bytes }) {
    assert.equal(zip.readUInt32LE(at), 0x04034b50, 'a local header');
    const start = at + 30 + zip.readUInt16LE(at + 26) + zip.readUInt16LE(at + 28);
    const raw = zip.subarray(start, start + packed);
    const data = method === 0 ? raw : inflateRawSync(raw);
    assert.equal(data.length, bytes, 'the size of an entry');
    return data;
}
