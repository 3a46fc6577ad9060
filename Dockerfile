# The page, or a batch. On a GPU: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130
#
#     docker build -t combiner .
#     docker run -p 7860:7860 combiner
#     docker run -v /data:/data combiner batch encode /data/photos --out /data/files --bpp 0.3

FROM python:3.11-slim-trixie

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    NUMBA_CACHE_DIR=/tmp/numba GRADIO_ANALYTICS_ENABLED=False

WORKDIR /combiner
COPY requirements.txt requirements-cluster.txt ./
# torch first, from the index that decides what it runs on
RUN grep --extended-regexp '^torch==' requirements.txt > torch.txt \
    && pip install --index-url "$TORCH_INDEX" -r torch.txt \
    && pip install -r requirements-cluster.txt

COPY pyproject.toml README.md LICENSE CHANGELOG.md CITATION.cff app.py ./
COPY combiner_core combiner_core
COPY assets assets
COPY benchmarks benchmarks
COPY demo demo
COPY docs docs
RUN pip install --no-deps . \
    && useradd --create-home combiner
COPY docker-entrypoint.sh /usr/local/bin/

USER combiner
# compiles, where the same kind of processor will run it
RUN python -m demo.work
EXPOSE 7860
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["page"]
