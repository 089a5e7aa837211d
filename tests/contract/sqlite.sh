# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2016,SC2034,SC2154 # variables of contract.sh
# SQLite's own programs: its shell, tests of several processes and of threads

suite_packages=tcl
suite_memory=512
# The kernel of an ordinary image
suite_fragments=
# They wait for times: those of instructions do not depend on the host's load.
suite_icount=1

suite_build()
{
	"$ROOT/scripts/fetch.sh" debian sqlite3
	tree=$BUILD/contract/sqlite-$build
	id="$(readlink "$BUILD/src/sqlite3") $CC $libc_stamp"
	if [ "$(cat "$tree/.id" 2>/dev/null)" != "$id" ]; then
		rm -rf "$tree"
		mkdir -p "$tree"
		(cd "$tree" && logged "contract-sqlite-$build" sh -eux -c '
			src=$1 CC=$2
			make -f "$src/main.mk" TOP="$src" BCC=gcc TCC="gcc -I$src/src" OPTS= sqlite3.c shell.c
			options="-O2 -I. -DSQLITE_THREADSAFE=1 -DHAVE_USLEEP=1
				-DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_UNLOCK_NOTIFY"
			$CC $options -c sqlite3.c
			$CC $options -o sqlite3 shell.c sqlite3.o -lm -pthread
			$CC $options -o mptester "$src/mptest/mptest.c" sqlite3.o -lm -pthread
			$CC $options -o speedtest1 "$src/test/speedtest1.c" sqlite3.o -lm -pthread
			$CC $options -I"$src/src" -I"$src/test" -o threadtest3 "$src/test/threadtest3.c" \
				"$src/src/test_multiplex.c" sqlite3.o -lm -pthread' sh \
			"$(readlink -f "$BUILD/src/sqlite3")" "$CC")
		echo "$id" >"$tree/.id"
	fi
	mkdir -p "$root/contract/sqlite"
	cp -a "$BUILD/src/sqlite3/mptest" "$root/contract/sqlite"
	for program in sqlite3 mptester speedtest1 threadtest3; do
		strip -g -o "$root/contract/sqlite/$program" "$tree/$program"
	done
	# What one process writes, others must read back, whole and with the same sum.
	cat >"$root/contract/sqlite/shell.sh" <<-'END'
		set -e
		sqlite3="/contract/sqlite/sqlite3 -bail"
		rm -f a.db* b.db* c.db*
		$sqlite3 a.db "PRAGMA journal_mode=$1" "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL, d BLOB)"
		for n in 1 2 3 4; do
			$sqlite3 -cmd '.timeout 60000' a.db "INSERT INTO t(b, c, d) WITH RECURSIVE n(i) AS
				(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
				SELECT 'row ' || i * $n, i / 3.0, zeroblob(i % 700) FROM n" &
		done
		wait
		$sqlite3 a.db 'CREATE INDEX x ON t(b, c); UPDATE t SET c = c + 1 WHERE a % 7 = 0; DELETE FROM t WHERE a % 11 = 0; VACUUM'
		[ "$($sqlite3 a.db 'SELECT count(*) FROM t')" = 3637 ]
		[ "$($sqlite3 a.db 'PRAGMA integrity_check')" = ok ]
		$sqlite3 a.db '.selftest --init' .selftest
		$sqlite3 a.db .dump | $sqlite3 b.db
		$sqlite3 a.db '.backup c.db'
		for db in b.db c.db; do
			[ "$($sqlite3 a.db .sha3sum)" = "$($sqlite3 $db .sha3sum)" ]
		done
	END
	{
		echo "level 60 /tmp /contract/level /contract/sqlite/sqlite3 :memory: '.shell sleep 20'"
		for mode in DELETE TRUNCATE PERSIST MEMORY WAL; do
			echo "shell-$mode 120 /tmp sh /contract/sqlite/shell.sh $mode"
		done
		for mode in DELETE TRUNCATE PERSIST WAL; do
			for script in crash01 multiwrite01 config01 config02; do
				# It takes longer than all others.
				[ "$script-$mode" = config02-WAL ] || [ "$script" != config02 ] || continue
				echo "mptest-$script-$mode 300 /tmp rm -f mptest.db*; /contract/sqlite/mptester mptest.db --journalmode $mode /contract/sqlite/mptest/$script.test"
			done
		done
		for mode in delete wal; do
			echo "speedtest1-$mode 300 /tmp /contract/sqlite/speedtest1 --size 3 --verify --journal $mode speed.db"
		done
		sed -n 's/^    { [a-z0-9_]*, *"\([a-z0-9_]*\)", *[0-9]* *},.*/\1/p' "$BUILD/src/sqlite3/test/threadtest3.c" |
			while read -r name; do
				echo "thread-$name 300 /tmp /contract/sqlite/threadtest3 $name"
			done
	} >"$root/contract/list"
}
