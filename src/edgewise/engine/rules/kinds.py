"""What each torch operation is to a backward rule, by name. An operation that is not here is refused, never guessed."""

from __future__ import annotations

# Nothing of their result depends on the values: shapes, types, flags, new constants.
PASSIVE = frozenset(
    """size dim ndimension numel nelement stride data_ptr is_contiguous is_floating_point is_complex storage_offset
    get_device element_size register_hook requires_grad_ retain_grad backward __len__ __hash__ __repr__ __format__
    new_zeros new_ones new_empty new_full new_tensor zeros_like ones_like empty_like full_like rand_like randn_like
    can_cast result_type is_tensor is_same_size is_cuda __setstate__ untyped_storage has_names is_inference
    __dir__ __iter__ _is_view""".split()
)
# Attributes that are tensors; all others are passive.
TENSOR_ATTRIBUTES = frozenset({"T", "mT", "H", "mH", "data"})

# Linear in the tensors that carry the stream, or a mere rearrangement of them; the others are constants.
LINEAR = frozenset(
    """linear addmm conv1d add __add__ __radd__ sub __sub__ __rsub__ rsub subtract neg __neg__ positive __pos__
    view view_as reshape reshape_as flatten unflatten squeeze unsqueeze permute transpose swapaxes swapdims movedim
    moveaxis t contiguous clone detach alias to type type_as float double half bfloat16 cpu cuda expand expand_as
    broadcast_to repeat repeat_interleave tile cat concat concatenate stack hstack vstack chunk split tensor_split
    split_with_sizes unbind narrow select index_select gather take_along_dim __getitem__ index flip roll rot90 pad
    sum mean cumsum diff tril triu diagonal diag_embed masked_fill where dropout _dropout embedding unfold scatter
    scatter_add index_add index_copy index_put masked_scatter nan_to_num broadcast_tensors meshgrid ravel
    embedding_bag to_dense _grouped_mm grouped_mm""".split()
)
# The same, written into the first tensor.
WRITING = frozenset(
    """add_ sub_ __iadd__ __isub__ copy_ __setitem__ index_add_ index_put_ index_copy_ scatter_ scatter_add_
    masked_fill_ masked_scatter_ zero_ fill_ neg_ squeeze_ unsqueeze_ transpose_ detach_ dropout_ set_""".split()
)
# A product of two tensors. Linear where one of them is a constant.
PRODUCTS = {
    **dict.fromkeys(("mul", "multiply", "__mul__", "__rmul__", "__imul__"), "mul"),
    **dict.fromkeys(("matmul", "__matmul__", "bmm", "mm"), "matmul"),
}
WRITING_PRODUCTS = frozenset({"mul_", "div_"})
QUOTIENTS = frozenset({"div", "divide", "true_divide", "__truediv__", "__itruediv__", "__div__"})

# One number from one number. Those with a kink have no second derivative to rely on.
KINKED = frozenset(
    "relu relu_ relu6 leaky_relu threshold hardtanh hardsigmoid hardswish clamp clip clamp_min clamp_max abs".split()
)
SMOOTH = frozenset(
    """gelu silu mish tanh sigmoid logsigmoid softplus elu selu celu exp expm1 log log1p erf sin cos square sqrt
    reciprocal pow float_power __pow__ softsign tanhshrink xlogy rsqrt""".split()
)
SOFTMAX = frozenset({"softmax", "_softmax"})
NORMS = frozenset({"layer_norm", "rms_norm"})
ATTENTION = "scaled_dot_product_attention"
# A choice is made on the clean run, and the reference follows it: which experts a token goes to.
CHOICES = frozenset({"topk", "argmax", "argmin", "argsort", "sort"})
# Questions about token ids, such as whether any is padding, which the clean run answers for both.
QUESTIONS = frozenset({"__contains__"})
# A constant shift in front of a softmax, which does not see it.
SHIFTS = frozenset({"max", "amax"})
