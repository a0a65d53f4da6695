#include "runtime/keras/operator_rules.h"

#include <map>
#include <string_view>
#include <vector>

#include "runtime/keras/operators.h"

namespace sepconv::keras {
namespace {

using namespace operators;

using Rule = Shapes (*)(const OperatorCall&);

struct Group {
  Rule rule;
  std::vector<std::string_view> names;  // as operator_name() gives them
};

// clang-format off
std::vector<Group> elementwise_groups() {
  return {
      {same,
       {"abs", "absolute", "acos", "acosh", "adjustbrightness", "adjustcontrast", "adjusthue", "adjustsaturation",
        "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "asin", "asinh", "atan", "atanh", "batchnorm",
        "batchnormalization", "biasadd", "cast", "ceil", "celu", "checknumerics", "clip", "clipbynorm",
        "clipbyvalue", "converttotensor", "copy", "cos", "cosh", "cumprod", "cumsum", "dropout", "elu",
        "ensureshape", "erf", "erfc", "exp", "expm1", "exponential", "flip", "flipleftright", "flipupdown", "floor",
        "fusedbatchnorm", "gelu", "hardshrink", "hardsigmoid", "hardsilu", "hardswish", "hardtanh", "identity",
        "invert", "isfinite", "isinf", "isnan", "l2normalize", "layernorm", "leakyrelu", "lgamma", "linear", "log",
        "log10", "log1p", "log2", "logicalnot", "logsigmoid", "logsoftmax", "mish", "nantonum", "neg", "negative",
        "normalize", "oneslike", "perimagestandardization", "placeholderwithdefault",
        "preventgradient", "reciprocal", "relu", "relu6", "relun1to1", "reverse", "rgbtohsv", "hsvtorgb", "rint",
        "rmsnorm", "roll", "round", "rsqrt", "saturatecast", "selu", "sigmoid", "sign", "silu", "sin", "sinh",
        "softmax", "softplus", "softshrink", "softsign", "sort", "sparsemax", "sparseplus", "sparsesigmoid", "sqrt",
        "square", "squareplus", "standardize", "stopgradient", "swish", "tan", "tanh", "tanhshrink", "threshold",
        "tril", "triu", "zeroslike"}},
      {elementwise,
       {"add", "addn", "addv2", "arctan2", "atan2", "divide", "divnonan", "dividenonan", "div", "equal", "floordiv",
        "floordivide", "floormod", "greater", "greaterequal", "less", "lessequal", "logicaland", "logicalor",
        "logicalxor", "logaddexp", "maximum", "minimum", "mod", "mul", "multiply", "multiplynonan", "notequal",
        "pow", "power", "realdiv", "scalarmul", "squareddifference", "sub", "subtract", "truediv", "truedivide",
        "xdivy", "xlogy", "and", "or", "ne", "eq"}},
      {choose, {"where", "select", "selectv2"}}};
}

std::vector<Group> other_groups() {
  return {
      {reduce,
       {"all", "amax", "amin", "any", "countnonzero", "logsumexp", "max", "mean", "median", "min", "norm", "prod",
        "reduceall", "reduceany", "reducelogsumexp", "reducemax", "reducemean", "reducemin", "reduceprod", "reducestd",
        "reducesum", "reducevariance", "std", "sum", "var", "euclideannorm", "reduceeuclideannorm"}},
      {arg_reduce, {"argmax", "argmin"}},
      {moments, {"moments"}},
      {reshape, {"reshape"}},
      {transpose, {"transpose", "permutedimensions"}},
      {swap_axes, {"swapaxes"}},
      {expand_dims, {"expanddims"}},
      {squeeze, {"squeeze"}},
      {concat, {"concat", "concatv2", "concatenate"}},
      {stack, {"stack", "pack"}},
      {unstack, {"unstack", "unpack"}},
      {split, {"split", "splitv"}},
      {pad, {"pad", "padv2", "mirrorpad"}},
      {tile, {"tile"}},
      {repeat, {"repeat", "repeatelements"}},
      {get_item, {"getitem"}},
      {strided_slice, {"stridedslice"}},
      {slice, {"slice"}},
      {gather, {"gather", "gatherv2", "take"}},
      {matmul, {"matmul", "batchmatmul", "batchmatmulv2", "linalgmatmul"}},
      {einsum, {"einsum"}},
      {resize, {"resize", "resizebilinear", "resizenearestneighbor", "resizebicubic", "resizearea"}},
      {resize_to,
       {"cropimages", "croptoboundingbox", "padimages", "padtoboundingbox", "resizewithcroporpad", "resizewithpad"}},
      {resize_images, {"resizeimages"}},
      {depth_to_space, {"depthtospace"}},
      {space_to_depth, {"spacetodepth"}},
      {pool, {"maxpool", "avgpool", "maxpool1d", "maxpool2d", "avgpool1d", "avgpool2d", "maxpool3d", "avgpool3d",
              "averagepool"}},
      {shape_of, {"shape", "shapev2"}},
      {one_hot, {"onehot"}},
      {broadcast_to, {"broadcastto", "fill"}},
      {flatten, {"batchflatten"}},
      {last_axis_halved, {"glu"}},
      {to_grayscale, {"rgbtograyscale"}}};
}
// clang-format on

}  // namespace

Shapes operator_rule(const LayerUse& use) {
  static const std::map<std::string_view, Rule> kRules = [] {
    std::map<std::string_view, Rule> rules;
    for (const std::vector<Group>& groups : {elementwise_groups(), other_groups()})
      for (const Group& group : groups)
        for (const std::string_view name : group.names) rules.emplace(name, group.rule);
    return rules;
  }();
  const OperatorCall call(use);
  const auto rule = kRules.find(call.name());
  return rule == kRules.end() ? Shapes{} : rule->second(call);
}

}  // namespace sepconv::keras
