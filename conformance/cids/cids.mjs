// node conformance/cids/cids.mjs BUCKET_URL DIR: is the Cid of each object of a bucket that of the file it came from?
//
// The judge is the JavaScript IPFS implementation; of the server it knows the header Cid of HEAD.
// Objects are read without a signature. Prints each file that differs; README.md shows a whole run.

import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { BlackHoleBlockstore } from 'blockstore-core/black-hole'
import { importByteStream } from 'ipfs-unixfs-importer'

const [bucket, directory] = process.argv.slice(2)
const blocks = new BlackHoleBlockstore()
let different = 0
let files = 0

for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue
  const path = join(entry.parentPath ?? entry.path, entry.name)
  const key = relative(directory, path).split(sep).map(encodeURIComponent).join('/')
  const head = await fetch(`${bucket}/${key}`, { method: 'HEAD' })
  const { cid } = await importByteStream(createReadStream(path), blocks, { profile: 'unixfs-v1-2025' })
  files += 1
  if (head.headers.get('cid') !== cid.toString()) {
    different += 1
    console.log(`${path}: ${cid}, but HEAD says ${head.status} ${head.headers.get('cid')}`)
  }
}
console.log(`${files} files, ${different} with another CID`)
process.exit(files > 0 && different === 0 ? 0 : 1)
