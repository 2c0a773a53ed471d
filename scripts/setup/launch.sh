# Sourced by the wrappers in scripts/, with $root set to the checkout.
# launch COMMAND ARGUMENT...: becomes the checkout's COMMAND on the pinned runtime, after a set-up if one is due.

launch() {
  stamp=$root/node_modules/.set-up
  if ! [ "$stamp" -nt "$root/package-lock.json" ] || ! read -r runtime <"$stamp" || ! [ -x "$root/$runtime" ]; then
    node "$root/scripts/setup/set-up.mjs" || exit 1
    read -r runtime <"$stamp" || exit 1
  fi
  # Keeps what Node made of the sources: the second start takes half the time.
  export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$root/node_modules/.cache/node}"
  # A signal must not open the runtime's debugger in a broker.
  # What lives longer than a moment is moved out of this space; more of it costs memory and saves no time.
  exec "$root/$runtime" --disable-sigusr1 --max-semi-space-size=16 --max-old-space-size-percentage=50 "$root/src/main.ts" "$@"
}
