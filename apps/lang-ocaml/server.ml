(* SPDX-License-Identifier: GPL-2.0 *)
(* An HTTP service with a thread for each connection: / greets, /check lets
   threads, the garbage collector, exceptions and a child process at work,
   /quit ends the program. *)

let rec depth n = if n < 0 then 0 else 1 + depth (n + 1)

(* A stack overflow is SIGSEGV, and that an exception. *)
let overflow () =
  match depth 0 with
  | n -> Printf.sprintf "depth %d" n
  | exception Stack_overflow -> "caught"

let threads () =
  let lock = Mutex.create () and turn = Condition.create () in
  let next = ref 0 and sum = ref 0 in
  let work n =
    Mutex.lock lock;
    while !next <> n do Condition.wait turn lock done;
    incr next;
    sum := !sum + n * n;
    Condition.broadcast turn;
    Mutex.unlock lock
  in
  List.iter Thread.join (List.init 50 (Thread.create work));
  !sum

(* Threads of OCaml change at each tick of a signal or thread of its own. *)
let ticks () =
  let stop = ref false and rounds = ref 0 in
  let t = Thread.create (fun () -> while not !stop do incr rounds; ignore (Sys.opaque_identity (ref 0)) done) () in
  Thread.delay 0.02;
  stop := true;
  Thread.join t;
  !rounds > 0

let garbage () =
  let before = (Gc.quick_stat ()).Gc.major_collections in
  let table = Hashtbl.create 100 in
  for i = 1 to 300_000 do
    Hashtbl.replace table (i mod 1000) (String.make 100 'x', [| i |])
  done;
  Gc.full_major ();
  let sum = Hashtbl.fold (fun _ (s, a) n -> n + String.length s + a.(0)) table 0 in
  sum, (Gc.quick_stat ()).Gc.major_collections > before

let child () =
  let from, into = Unix.pipe () in
  match Unix.fork () with
  | 0 ->
    ignore (Unix.write_substring into "from the child" 0 14);
    Unix._exit 5
  | pid ->
    Unix.close into;
    let buffer = Bytes.create 100 in
    let n = Unix.read from buffer 0 100 in
    Unix.close from;
    match Unix.waitpid [] pid with
    | _, Unix.WEXITED status -> Printf.sprintf "%s, %d" (Bytes.sub_string buffer 0 n) status
    | _ -> "lost"

let check () =
  let sum, collected = garbage () in
  Printf.sprintf "threads %d\nticks %b\nsum %d, collected %b\nstack: %s\nchild: %s\n"
    (threads ()) (ticks ()) sum collected (overflow ()) (child ())

let rec headers input close =
  match String.lowercase_ascii (String.trim (input_line input)) with
  | "" -> close
  | "connection: close" -> headers input true
  | _ -> headers input close

let serve fd =
  let input = Unix.in_channel_of_descr fd and output = Unix.out_channel_of_descr fd in
  let rec requests () =
    let request = input_line input in
    let close = headers input false in
    let body =
      match String.split_on_char ' ' request with
      | _ :: "/check" :: _ -> check ()
      | _ :: "/quit" :: _ -> Unix._exit 0
      | _ -> "hello from OCaml\n"
    in
    Printf.fprintf output "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%!" (String.length body) body;
    if not close then requests ()
  in
  (try requests () with End_of_file | Sys_error _ -> ());
  close_out_noerr output

let () =
  Sys.set_signal Sys.sigpipe Sys.Signal_ignore;
  let sock = Unix.socket Unix.PF_INET Unix.SOCK_STREAM 0 in
  Unix.setsockopt sock Unix.SO_REUSEADDR true;
  Unix.bind sock (Unix.ADDR_INET (Unix.inet_addr_any, 8080));
  Unix.listen sock 128;
  Printf.printf "OCaml %s listens on port 8080\n%!" Sys.ocaml_version;
  while true do
    let fd, _ = Unix.accept sock in
    ignore (Thread.create serve fd)
  done
