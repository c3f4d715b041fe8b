#!/bin/sh -
# Starts gantry with the Node that lies beside it, from any directory and
# through symbolic links. Node raises the soft limit on open files and changes
# signal dispositions when it starts, so the caller's are noted here first;
# variables that steer Node are set aside, for they are meant for the caller's
# own programs. No subshell: each would cost as much as all of this.
case $0 in
  */*) self=$0 ;;
  *) self=./$0 ;;
esac
while [ -L "$self" ]; do
  # Wherever the caller looks for programs; a name may end in a line break.
  link=$(command -p readlink -n -- "$self" && echo x)
  link=${link%x}
  case $link in
    /*) self=$link ;;
    *) self=${self%/*}/$link ;;
  esac
done
home=${self%/*}
case $home in
  /*) ;;
  *) home=$PWD/$home ;;
esac

# The shell reads a byte at a time: no further than what is wanted.
caller=
while read -r first second third soft rest; do
  case "$first $second $third" in
    "Max open files")
      caller="nofile=$soft"
      break
      ;;
  esac
done </proc/self/limits
while read -r name value rest; do
  case $name in
    SigBlk:) caller="$caller sigblk=$value" ;;
    SigIgn:)
      caller="$caller sigign=$value"
      break
      ;;
  esac
done </proc/self/status
GANTRY_CALLER=$caller
export GANTRY_CALLER

if [ -n "${NODE_OPTIONS+set}" ]; then
  export GANTRY_NODE_OPTIONS="$NODE_OPTIONS"
  unset NODE_OPTIONS
fi
if [ -n "${NODE_EXTRA_CA_CERTS+set}" ]; then
  export GANTRY_NODE_EXTRA_CA_CERTS="$NODE_EXTRA_CA_CERTS"
  unset NODE_EXTRA_CA_CERTS
fi
if [ -n "${NODE_TLS_REJECT_UNAUTHORIZED+set}" ]; then
  export GANTRY_NODE_TLS_REJECT_UNAUTHORIZED="$NODE_TLS_REJECT_UNAUTHORIZED"
  unset NODE_TLS_REJECT_UNAUTHORIZED
fi
# A channel to the Node that started some program above this one: Node ends
# itself when it is closed, and pods do not get it.
unset NODE_CHANNEL_FD

# One of the seeds with which V8 starts faster (stage0/boot/node-flags.ts).
read -r random 2>/dev/null </proc/sys/kernel/random/uuid || random=$$
pick_seed() {
  shift "$((0x${random%%-*} % @SEED_COUNT@))"
  seed=$1
}
pick_seed @RANDOM_SEEDS@

exec "$home/bin/node" --random-seed="$seed" @NODE_FLAGS@ "$home/lib/boot.js" "$@"
