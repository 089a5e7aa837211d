// SPDX-License-Identifier: GPL-2.0

//! An HTTP service with a thread for each connection: / greets, /check lets
//! threads, TCP and unwinding at work, /quit ends the program.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{mpsc, Arc, Mutex, RwLock};
use std::time::{Duration, Instant};
use std::{panic, process, thread};

/// Threads, each with a connection to an echo server.
fn echoes() -> std::io::Result<usize> {
    const CLIENTS: usize = 32;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || {
        for stream in listener.incoming().take(CLIENTS).flatten() {
            thread::spawn(move || {
                let mut from = &stream;
                let mut to = &stream;
                let _ = std::io::copy(&mut from, &mut to);
            });
        }
    });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            thread::spawn(move || -> std::io::Result<bool> {
                let mut stream = TcpStream::connect(address)?;
                let sent = vec![n as u8; 10000];
                let mut got = vec![0; sent.len()];
                stream.write_all(&sent)?;
                stream.read_exact(&mut got)?;
                Ok(got == sent)
            })
        })
        .collect();
    let good = clients
        .into_iter()
        .map(|c| c.join())
        .filter(|r| matches!(r, Ok(Ok(true))))
        .count();
    let _ = server.join();
    Ok(good)
}

/// A counter behind a lock, and results by a channel.
fn shared() -> (u64, u64) {
    let counter = Arc::new(Mutex::new(0));
    let table = Arc::new(RwLock::new(vec![1u64; 100]));
    let (sender, receiver) = mpsc::channel();

    for n in 0..16 {
        let (counter, table, sender) = (counter.clone(), table.clone(), sender.clone());
        thread::spawn(move || {
            for _ in 0..1000 {
                *counter.lock().unwrap() += 1;
            }
            table.write().unwrap()[n] += 1;
            let sum: u64 = table.read().unwrap().iter().sum();
            let _ = sender.send(sum);
        });
    }
    drop(sender);
    let most = receiver.iter().max().unwrap_or(0);
    let count = *counter.lock().unwrap();
    (count, most)
}

/// A panic, which unwinds the stack of its thread only.
fn unwound() -> bool {
    panic::set_hook(Box::new(|_| ()));
    let joined = thread::spawn(|| {
        let empty: Vec<u32> = Vec::new();
        empty[std::env::args().count()]
    })
    .join();
    let _ = panic::take_hook();
    joined.is_err()
}

fn check() -> String {
    let start = Instant::now();
    let (count, most) = shared();

    thread::sleep(Duration::from_millis(20));
    format!(
        "echoes {}\ncount {}, most {}\nunwound {}\nslept {}\n",
        echoes().unwrap_or(0),
        count,
        most,
        unwound(),
        start.elapsed() >= Duration::from_millis(20)
    )
}

fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();

    while let Some(request) = lines.next() {
        let request = request?;
        let mut close = false;
        for header in lines.by_ref() {
            let header = header?;
            if header.is_empty() {
                break;
            }
            close |= header.eq_ignore_ascii_case("connection: close");
        }
        let body = match request.split(' ').nth(1) {
            Some("/check") => check(),
            Some("/quit") => process::exit(0),
            _ => "hello from Rust\n".to_string(),
        };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        writer.write_all((head + &body).as_bytes())?;
        if close {
            break;
        }
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:8080")?;

    println!("Rust listens on port 8080");
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || serve(stream));
    }
    Ok(())
}
