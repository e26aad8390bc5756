"""Six operations that the methods lean on, each in three forms.

One folder an operation. Its `__init__.py` says what is computed, how many bytes must move, and
how in plain torch (the reference: what to read first, what the tests believe, what runs where no
faster form does); `_numba.py` is the form for the CPU and `_triton.py` the form for the GPU, both
imported when first needed. `threads.py` shares a loop between the CPU's threads, `dispatch.py`
says which form takes given tensors.

| operation | what |
|---|---|
| `warp` | pull an image and its label through a displacement, dense or from a control grid |
| `capsules` | draw a tree of vessels into a volume, with partial volume |
| `overlap` | cross entropy and Dice in one pass |
| `rbf_distance` | squared distances of points to centres |
| `star_rays` | how far a mask is from star-shaped |
| `random_walker` | probabilities that spread from seeds |
"""
