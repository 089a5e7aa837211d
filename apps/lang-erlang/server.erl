%% SPDX-License-Identifier: GPL-2.0
%% An HTTP service with a process for each connection, beside ten thousand
%% supervised ones: / greets, /check asks all of them for an answer and lets
%% some of them crash, /quit ends the program.
-module(server).
-behaviour(supervisor).
-export([start/0, init/1, worker/1, worker_loop/1, http/0]).

-define(WORKERS, 10000).
-define(CRASHES, 100).

start() ->
    logger:set_primary_config(level, none),
    Self = self(),
    %% A process of its own, which stays: the supervisor is linked to it.
    spawn(fun() -> run(Self) end),
    receive ready -> ok end.

run(Starter) ->
    {ok, Top} = supervisor:start_link({local, top}, ?MODULE, top),
    {ok, Pool} = supervisor:start_child(Top, #{id => pool, type => supervisor,
        start => {supervisor, start_link, [{local, pool}, ?MODULE, pool]}}),
    [{ok, _} = supervisor:start_child(Pool, [N]) || N <- lists:seq(1, ?WORKERS)],
    {ok, _} = supervisor:start_child(Top, #{id => http, start => {?MODULE, http, []}}),
    io:format("Erlang/OTP ~s listens on port 8080~n", [erlang:system_info(otp_release)]),
    Starter ! ready,
    receive stop -> ok end.

init(top) ->
    {ok, {#{strategy => one_for_one}, []}};
init(pool) ->
    {ok, {#{strategy => simple_one_for_one, intensity => 2 * ?CRASHES, period => 10},
        [#{id => worker, start => {?MODULE, worker, []}}]}}.

worker(N) ->
    {ok, spawn_link(?MODULE, worker_loop, [N])}.

worker_loop(N) ->
    receive
        {ask, From} -> From ! {answer, N}, worker_loop(N);
        crash -> exit(crashed)
    end.

workers() ->
    [Pid || {_, Pid, _, _} <- supervisor:which_children(pool), is_pid(Pid)].

answers() ->
    Workers = workers(),
    [W ! {ask, self()} || W <- Workers],
    lists:sum([receive {answer, N} -> N after 60000 -> 0 end || _ <- Workers]).

%% Those that crash are replaced by new ones, which answer.
restarted() ->
    Before = workers(),
    {Crashed, _} = lists:split(?CRASHES, Before),
    Monitors = [monitor(process, W) || W <- Crashed],
    [W ! crash || W <- Crashed],
    [receive {'DOWN', M, _, _, _} -> ok end || M <- Monitors],
    %% It has seen all exits when it answers.
    After = workers(),
    {length(After), length(After -- Before)}.

check() ->
    Sum = answers(),
    {Alive, New} = restarted(),
    Hash = erlang:phash2(lists:seq(1, 100000)),
    io_lib:format("answers ~b~nalive ~b, restarted ~b~nagain ~b~nhash ~b~nprocesses ~p~n",
        [Sum, Alive, New, answers(), Hash, erlang:system_info(process_count) > ?WORKERS]).

http() ->
    {ok, Listener} = gen_tcp:listen(8080, [binary, {packet, http_bin}, {active, false},
        {reuseaddr, true}, {backlog, 128}, {nodelay, true}]),
    {ok, spawn_link(fun() -> accept(Listener) end)}.

accept(Listener) ->
    {ok, Sock} = gen_tcp:accept(Listener),
    Pid = spawn(fun() -> receive go -> serve(Sock) end end),
    ok = gen_tcp:controlling_process(Sock, Pid),
    Pid ! go,
    accept(Listener).

serve(Sock) ->
    case gen_tcp:recv(Sock, 0) of
        {ok, {http_request, 'GET', {abs_path, Path}, _}} ->
            Close = headers(Sock, false),
            answer(Sock, Path),
            if Close -> gen_tcp:close(Sock); true -> serve(Sock) end;
        _ ->
            gen_tcp:close(Sock)
    end.

headers(Sock, Close) ->
    case gen_tcp:recv(Sock, 0) of
        {ok, {http_header, _, 'Connection', _, <<"close">>}} -> headers(Sock, true);
        {ok, {http_header, _, _, _, _}} -> headers(Sock, Close);
        {ok, http_eoh} -> Close
    end.

answer(_, <<"/quit">>) ->
    halt(0);
answer(Sock, Path) ->
    Body = case Path of
        <<"/check">> -> iolist_to_binary(check());
        _ -> <<"hello from Erlang\n">>
    end,
    ok = gen_tcp:send(Sock, ["HTTP/1.1 200 OK\r\nContent-Length: ",
        integer_to_list(byte_size(Body)), "\r\n\r\n", Body]).
