#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# a directory, a container image and a disk as root file systems
set -u
. "$(dirname -- "$0")/../lib.sh"

cat >"$OUT/tell.c" <<'END'
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char cwd[100] = "?";
	struct stat st = { 0 };
	struct statfs fs = { 0 };
	gid_t groups[10];
	int n = getgroups(10, groups);

	for (int i = 1; i < argc; i++)
		printf("argument %d [%s]\n", i, argv[i]);
	printf("cwd %s, NAME=%s\n", getcwd(cwd, sizeof(cwd)), getenv("NAME"));
	printf("user %u:%u", getuid(), getgid());
	for (int i = 0; i < n; i++)
		printf(":%u", groups[i]);
	stat("/data", &st);
	printf(", may become root %d, owner of /data %u\n", !setuid(0), st.st_uid);
	statfs("/", &fs);
	printf("root %s\n", fs.f_type == 0xef53 ? "ext4" : "in memory");
	printf("file %d\n", access("/data/a file", R_OK));
	return 7;
}
END
root=$OUT/root
mkdir -p "$root/usr/bin" "$root/etc" "$root/data"
gcc -O2 -static -o "$root/usr/bin/tell" "$OUT/tell.c" || quit "compile" "see above"
# By an absolute link, as some systems have it
ln -s /usr/bin "$root/bin"

runs directory ROOTFS="$root" BIN=/bin/tell ARGS="one 'two words'"
is "directory: exit status" "$status" 7
shows "directory: arguments" "$OUT/directory" '^argument 2 \[two words\]'
shows "directory: user" "$OUT/directory" '^user 0:0, may become root 1'
shows "directory: file system" "$OUT/directory" '^root in memory'

# Blanks in a name fit a disk only.
touch "$root/data/a file"
runs blank ROOTFS="$root" BIN=/bin/tell
is "name with a blank: status" "$status" 1
shows "name with a blank: says so" "$OUT/blank" '^unilinux: a file name with white space.*DISK=1: /data/a file$'
runs disk ROOTFS="$root" BIN=/bin/tell DISK=1
is "disk: exit status" "$status" 7
shows "disk: file system" "$OUT/disk" '^root ext4'
shows "disk: name with a blank" "$OUT/disk" '^file 0'
rm "$root/data/a file"

"$ROOT/scripts/setup.sh" skopeo umoci jq || quit "setup" "skopeo and umoci cannot be installed"
echo 'root:x:0:0::/:/bin/sh
worker:x:1234:500::/data:/bin/sh' >"$root/etc/passwd"
echo 'staff:x:500:
extra:x:501:worker' >"$root/etc/group"
# Only root can give files to others.
owner=0
rootless=--rootless
[ "$(id -u)" != 0 ] || {
	owner=1234
	rootless=
}
[ "$owner" = 0 ] || chown $owner "$root/data"
layout=$OUT/layout
{
	umoci init --layout "$layout" &&
		umoci new --image "$layout:unilinux" &&
		umoci insert $rootless --image "$layout:unilinux" "$root" / &&
		umoci config --image "$layout:unilinux" --config.entrypoint tell --config.cmd one \
			--config.cmd "it's two" --config.env NAME=value --config.workingdir /data --config.user worker &&
		skopeo --insecure-policy copy "oci:$layout:unilinux" "docker-archive:$OUT/saved.tar:tell:latest" &&
		tar -c -f "$OUT/oci.tar" -C "$layout" .
} >"$OUT/container.log" 2>&1 || quit "container image" "$(tail -n 1 "$OUT/container.log")"
for form in layout oci.tar saved.tar; do
	runs "$form.log" OCI="$OUT/$form"
	is "$form: exit status" "$status" 7
	shows "$form: entry point and command" "$OUT/$form.log" "^argument 2 \[it's two\]"
	shows "$form: working directory and environment" "$OUT/$form.log" '^cwd /data, NAME=value'
	shows "$form: user" "$OUT/$form.log" "^user 1234:500(:50[01])*, may become root 0, owner of /data $owner"
done

make -C "$ROOT" --no-print-directory inspect ROOTFS="$root" BIN=/bin/tell >"$OUT/inspect" 2>&1
shows "inspect: its system calls" "$OUT/inspect" '^system calls [1-9]'

refused "absent directory" "no directory /absent" make_run ROOTFS=/absent BIN=/bin/tell
refused "no program" "needs BIN=" make_run ROOTFS="$root"
refused "absent program" "no /bin/absent in" make_run ROOTFS="$root" BIN=/bin/absent
refused "a backslash in a name" 'no /bin/a.nb in' make_run ROOTFS="$root" BIN='/bin/a\nb'
refused "absent image" "there is no /absent" make_run OCI=/absent
refused "no image" "neither a directory nor a tar archive" make_run OCI="$OUT/tell.c"
refused "another archive" "no container image" make_run OCI="$(tar -c -f "$OUT/other.tar" -C "$OUT" tell.c; echo "$OUT/other.tar")"
refused "two at once" "give one" make_run OCI="$layout" ROOTFS="$root"
