#!/bin/bash
# The first process of a host of netlab.py, in namespaces of its own: netlab_init.sh FOLDER NAME
#
# The host gets its name, machine-id and boot id from FOLDER, and sees nothing of what others write: FOLDER is all that it has
# in common with the rest of this machine, and what nobody writes to, as /usr. Says "up" and then only waits for processes that
# lost their parents. When it dies, everything on the host does.
set -euo pipefail
folder=$1 name=$2

mount --make-rprivate /
hostname "$name"

if [ ! -e /etc/machine-id ]; then cp -a /etc "$folder/etc"; touch "$folder/etc/machine-id"; mount --bind "$folder/etc" /etc; fi
for place in /etc/machine-id /var/lib/dbus/machine-id; do
  if [ -e "$place" ]; then mount --bind "$folder/machine-id" "$place"; fi
done
mount --bind "$folder/boot_id" /proc/sys/kernel/random/boot_id

# FOLDER is below /tmp, and stays there under its own path when /tmp is another.
rm -rf "$folder/tmp"
mkdir -p "$folder/tmp/${folder#/tmp/}"
chmod 1777 "$folder/tmp"
mount --bind "$folder" "$folder/tmp/${folder#/tmp/}"
mount --rbind "$folder/tmp" /tmp
for place in /root /home /run /var/tmp /dev/shm; do
  if [ -d "$place" ]; then mount -t tmpfs -o mode=755 none "$place"; fi
done
chmod 700 /root
chmod 1777 /var/tmp /dev/shm
mkdir /run/sshd

cd /
echo up
exec >&2
while :; do sleep infinity & wait; done
