// SPDX-License-Identifier: GPL-2.0
// An HTTP service: / greets, /check lets worker threads, the JIT, the garbage
// collector and libuv's thread pool at work, /quit ends the program.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

// Enough rounds to be compiled.
function sum(n) {
	let s = 0;

	for (let i = 0; i < n; i++)
		s = (s + i * 7) % 1000003;
	return s;
}

function worker(n, shared) {
	return new Promise((resolve, reject) => {
		const w = new Worker(__filename, { workerData: { n, shared } });

		w.on('message', resolve);
		w.on('error', reject);
	});
}

async function check() {
	const shared = new SharedArrayBuffer(4);
	const sums = await Promise.all([1, 2, 3, 4].map(() => worker(300000, shared)));
	const key = await new Promise((resolve, reject) =>
		crypto.pbkdf2('key', 'salt', 1000, 8, 'sha256',
			(err, key) => err ? reject(err) : resolve(key.toString('hex'))));
	let garbage = [];

	for (let i = 0; i < 200000; i++) {
		garbage.push({ i, text: 'x' + i });
		if (garbage.length > 1000)
			garbage = [];
	}
	fs.writeFileSync('/tmp/file', 'contents');
	return `workers ${Atomics.load(new Int32Array(shared), 0)}, equal ${sums.every(s => s === sum(300000))}\n` +
		`pbkdf2 ${key}\nfile ${fs.readFileSync('/tmp/file')}\n`;
}

async function answer(request, response) {
	if (request.url === '/quit')
		process.exit(0);
	try {
		const body = request.url === '/check' ? await check() : 'hello from Node.js\n';

		response.writeHead(200, { 'Content-Length': body.length });
		response.end(body);
	} catch (err) {
		response.writeHead(500);
		response.end(String(err));
	}
}

if (isMainThread) {
	http.createServer(answer).listen(8080, () =>
		console.log(`Node.js ${process.version} listens on port 8080`));
} else {
	Atomics.add(new Int32Array(workerData.shared), 0, 1);
	parentPort.postMessage(sum(workerData.n));
}
