#!/bin/sh
# `page` with options of app.py, a command of `combiner`, or `ray` and its commands.
set -eu

case "${1:-page}" in
page)
    [ $# -eq 0 ] || shift
    exec python app.py --host 0.0.0.0 --port 7860 "$@"
    ;;
ray | torchrun | sh)
    exec "$@"
    ;;
*)
    exec combiner "$@"
    ;;
esac
