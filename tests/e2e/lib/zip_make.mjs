// ZIP archives with whatever names: what no tool would make.
import { deflateRawSync } from 'node:zlib';

const table = Array.from({ length: 256 }, (_, n) => {
    for (let i = 0; i < 8; i++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
    return n >>> 0;
});
const crc = (data) => ~data.reduce((sum, byte) => table[(sum ^ byte) & 255] ^ (sum >>> 8), -1) >>> 0;

/** Of [name, Buffer] pairs. */
export function zip(files) {
    const locals = [];
    const directory = [];
    let at = 0;
    for (const [name, data] of files) {
        const label = Buffer.from(name);
        const packed = deflateRawSync(data);
        const common = Buffer.alloc(26);
        common.writeUInt16LE(20, 0);
        common.writeUInt16LE(0x800, 2); // names are UTF-8
        common.writeUInt16LE(8, 4);
        common.writeUInt32LE(crc(data), 10);
        common.writeUInt32LE(packed.length, 14);
        common.writeUInt32LE(data.length, 18);
        common.writeUInt16LE(label.length, 22);
        const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, label, packed]);
        const rest = Buffer.alloc(14);
        rest.writeUInt32LE(at, 10);
        directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, rest, label]));
        locals.push(local);
        at += local.length;
    }
    const listing = Buffer.concat(directory);
    const end = Buffer.alloc(22);
    end.write('PK\x05\x06', 'latin1');
    end.writeUInt16LE(files.length, 8);
    end.writeUInt16LE(files.length, 10);
    end.writeUInt32LE(listing.length, 12);
    end.writeUInt32LE(at, 16);
    return Buffer.concat([...locals, listing, end]);
}
