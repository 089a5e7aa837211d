// SPDX-License-Identifier: GPL-2.0

// An HTTP service: / greets, /check lets goroutines, the network poller, the
// garbage collector and preemption at work, /quit ends the program.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Two hundred goroutines, each with a connection of its own to an echo server.
func echo() int64 {
	var got int64
	var clients sync.WaitGroup

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return -1
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.Copy(conn, conn)
			}()
		}
	}()
	for i := 0; i < 200; i++ {
		clients.Add(1)
		go func() {
			defer clients.Done()
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				return
			}
			defer conn.Close()
			buffer := make([]byte, 5)
			conn.Write([]byte("hello"))
			if _, err = io.ReadFull(conn, buffer); err == nil && string(buffer) == "hello" {
				atomic.AddInt64(&got, 1)
			}
		}()
	}
	clients.Wait()
	return got
}

// A loop without a call gives way to others only by the signal SIGURG.
func preempted() bool {
	var stop int32
	others := make(chan bool)

	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for i := 0; i < 3; i++ {
		go func() {
			for atomic.LoadInt32(&stop) == 0 {
			}
		}()
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		atomic.StoreInt32(&stop, 1)
		others <- true
	}()
	return <-others
}

// Garbage of a hundred times what stays.
func collect() (int, uint32) {
	var before, after runtime.MemStats
	var kept [][]int

	runtime.ReadMemStats(&before)
	for i := 0; i < 100000; i++ {
		s := make([]int, 100)
		s[i%100] = i
		if i%100 == 0 {
			kept = append(kept, s)
		}
	}
	runtime.ReadMemStats(&after)
	sum := 0
	for _, s := range kept {
		for _, v := range s {
			sum += v
		}
	}
	return sum, after.NumGC - before.NumGC
}

// A nil pointer is SIGSEGV, and that a panic, which is taken here.
func fault() (what string) {
	defer func() { what = fmt.Sprint(recover()) }()
	var p *int
	return fmt.Sprint(*p)
}

func check(w http.ResponseWriter, r *http.Request) {
	sum, collections := collect()
	fmt.Fprintf(w, "echoes %d\npreempted %v\nsum %d, collections %v\nfault: %s\n",
		echo(), preempted(), sum, collections > 2, fault())
}

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello from Go\n")
	})
	http.HandleFunc("/check", check)
	http.HandleFunc("/quit", func(w http.ResponseWriter, r *http.Request) { os.Exit(0) })
	fmt.Printf("%s listens on port 8080\n", runtime.Version())
	if err := http.ListenAndServe(":8080", nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
