"""What `nvidia-smi -L` lists, as NVIDIA documents it for GPUs that are divided."""

from __future__ import annotations

from reprun.runner.queue_slots import parse_list

LISTED = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
  MIG 3g.20gb     Device  0: (UUID: MIG-a7c4ba6d-0af5-5a3c-9f0c-1f5a3c0f5f0e)
  MIG 3g.20gb     Device  1: (UUID: MIG-GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77/2/0)
GPU 1: NVIDIA A100 (with a name: odd) (UUID: GPU-ffffffff-d33d-2b2c-524d-9e3d8d2b8a77)
"""


def test_instances_stand_for_the_gpu_that_they_divide() -> None:
    assert parse_list(LISTED) == {
        "0:0": "MIG-a7c4ba6d-0af5-5a3c-9f0c-1f5a3c0f5f0e",
        "0:1": "MIG-GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77/2/0",
        "1": "GPU-ffffffff-d33d-2b2c-524d-9e3d8d2b8a77",
    }


def test_anything_else_lists_nothing() -> None:
    assert parse_list("") == parse_list("No devices were found\n") == parse_list("  MIG 1g Device 0: (UUID: MIG-1)\n") == {}
