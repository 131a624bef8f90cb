"""The libraries of the peers: what pip installs for each, and the installed versions.

usage: libraries.py NAME...        installs libraries into this Python"""
import importlib.metadata
import subprocess
import sys

# On Linux, pip's PyTorch is built for CUDA, and `import torch` loads CUDA's libraries even on a
# CPU. This list leaves out the dependencies that a CPU never loads: cuSOLVER, NVTX, cuda-bindings,
# Triton (2.5 GB to download instead of 2.9). The versions are pinned because they must match.
TORCH_FOR_LINUX = [
    ['--no-deps', 'torch==2.15.0'],
    ['numpy', 'filelock', 'typing-extensions>=4.13.0', 'setuptools>=77.0.3', 'sympy>=1.13.3', 'networkx>=2.5.1', 'jinja2',
     'fsspec>=0.8.5', 'cuda-toolkit[cublas,cudart,cufft,cufile,cupti,cusparse,nvjitlink,nvrtc]==13.2.2',
     'nvidia-cudnn-cu13==9.26.0.51', 'nvidia-cusparselt-cu13==0.8.1', 'nvidia-nccl-cu13==2.30.7',
     'nvidia-nvshmem-cu13==3.7.2'],
]

# Module, distribution, and the arguments of each pip call. All peers read the data with NumPy.
LIBRARIES = {
    'numpy': ('numpy', 'numpy', [['numpy']]),
    'jax': ('jax', 'jax', [['numpy', 'jax']]),
    'pytorch': ('torch', 'torch', TORCH_FOR_LINUX if sys.platform == 'linux' else [['numpy', 'torch']]),
    'scikit-learn': ('sklearn', 'scikit-learn', [['numpy', 'scikit-learn']]),
}


class Failure(Exception):
    """The reason why something cannot be measured."""


def reason(stderr):
    """The reason for a failure: the last line that mentions an error, else the last line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if 'error:' in line.lower()]
    return (errors or lines or ['it printed nothing'])[-1]


def install(name):
    """Installs a library if it is missing, and imports it once. Raises `Failure`."""
    module, _, calls = LIBRARIES[name]
    print(f'bench: installing {name} if it is missing', file=sys.stderr)
    pip = ['-m', 'pip', '--disable-pip-version-check', 'install', '--quiet']
    for arguments in [[*pip, *packages] for packages in calls] + [['-c', f'import {module}']]:
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
        if done.returncode:
            raise Failure(f'{name}: {reason(done.stderr)}')


def versions():
    """The versions of Python and the installed libraries."""
    found = ['Python ' + sys.version.split()[0]]
    for _, distribution, _ in LIBRARIES.values():
        try:
            found.append(f'{distribution} {importlib.metadata.version(distribution)}')
        except importlib.metadata.PackageNotFoundError:
            pass
    return ', '.join(found)


if __name__ == '__main__':
    try:
        for library in sys.argv[1:]:
            install(library)
    except Failure as failure:
        sys.exit(f'error: {failure}')
