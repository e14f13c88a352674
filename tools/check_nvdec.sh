#!/bin/sh
# Runs beside the files of make_nvdec_bundle.py on a machine with an NVIDIA card: sh check_nvdec.sh [RESULT.json]
# Takes PyAV from the wheel in this folder where there is one, and the program in $PYTHON (python3).
set -u
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
result=${1:-$here/result.json}
if ls "$here"/av-*.whl >/dev/null 2>&1; then
    site=$(mktemp -d)
    "$python" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --target "$site" "$here"/av-*.whl || exit 2
    export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
fi
# Containers mount the driver in places that the loader may not know.
for folder in /usr/local/nvidia/lib64 /usr/local/nvidia/lib /usr/lib/x86_64-linux-gnu; do
    if [ -e "$folder/libcuda.so.1" ]; then
        export LD_LIBRARY_PATH="$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
        [ -e "$folder/libnvcuvid.so.1" ] || echo "libnvcuvid.so.1 (NVDEC) is not beside libcuda.so.1 in $folder" >&2
    fi
done
nvidia-smi --query-gpu=name,driver_version --format=csv,noheader
exec "$python" "$here/check_nvdec.py" "$result"
