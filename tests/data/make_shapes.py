"""Writes shapes.json: layers and operators as tf.keras 2 and Keras 3 write them into a model, with the shapes that they
compute. Needs tf_keras and keras (3) with TensorFlow:  python make_shapes.py shapes.json

Each case is a model of its own. Its expected shapes are those of the real tensors; the shapes that Keras 3 records in its
configuration are removed, so that only the reader's rules can tell them."""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
import tf_keras  # noqa: E402

IMAGE, WIDE, STEPS, VIDEO = (16, 12, 4), (None, None, 3), (20, 6), (5, 8, 10, 3)
DROPPED = ("initializer", "regularizer", "constraint")


def one(layer):
    return lambda x: layer(x)


def image_layers(L):
    return {
        "conv": L.Conv2D(5, 3, strides=2, padding="same"),
        "transpose_same": L.Conv2DTranspose(5, 3, strides=2, padding="same"),
        "transpose_valid": L.Conv2DTranspose(5, (4, 3), strides=(2, 1), padding="valid"),
        "transpose_padded": L.Conv2DTranspose(5, 3, strides=2, padding="same", output_padding=1),
        "pool_average": L.AveragePooling2D((3, 2), padding="same"),
        "pool_max": L.MaxPooling2D(3, strides=2),
        "global_average": L.GlobalAveragePooling2D(),
        "global_max_kept": L.GlobalMaxPooling2D(keepdims=True),
        "up": L.UpSampling2D((2, 3)),
        "zeros": L.ZeroPadding2D(((1, 2), (0, 3))),
        "cropping": L.Cropping2D(((1, 2), (0, 3))),
        "reshape": L.Reshape((8, -1, 8)),
        "permute": L.Permute((2, 1, 3)),
        "flatten": L.Flatten(),
        "dense": L.Dense(7),
        "resizing": L.Resizing(9, 7),
        "center_crop": L.CenterCrop(8, 6),
        "random_flip": L.RandomFlip(),
        "random_rotation": L.RandomRotation(0.1),
        "random_translation": L.RandomTranslation(0.1, 0.1),
        "random_brightness": L.RandomBrightness(0.1),
        "rescaling": L.Rescaling(1 / 255.0),
        "group_normalization": L.GroupNormalization(2),
        "layer_normalization": L.LayerNormalization(),
        "unit_normalization": L.UnitNormalization(),
        "spatial_dropout": L.SpatialDropout2D(0.1),
        "prelu": L.PReLU(shared_axes=[1, 2]),
        "einsum_dense": L.EinsumDense("abcd,de->abce", output_shape=(None, 12, 9)),
        "einsum_dense_rest": L.EinsumDense("...x,xy->...y", output_shape=9),
        "separable": L.SeparableConv2D(6, 3, dilation_rate=2),
        "depthwise": L.DepthwiseConv2D(3, depth_multiplier=2, padding="same"),
        "first": L.Conv2D(5, 3, padding="same", data_format="channels_first"),
        "up_first": L.UpSampling2D(2, data_format="channels_first"),
    }


def step_layers(L):
    return {
        "lstm": L.LSTM(9),
        "lstm_sequences": L.LSTM(9, return_sequences=True),
        "gru_state": L.GRU(9, return_sequences=True, return_state=True),
        "simple_rnn": L.SimpleRNN(9, return_sequences=True),
        "lstm_state": L.LSTM(9, return_state=True),
        "bidirectional": L.Bidirectional(L.LSTM(9, return_sequences=True)),
        "bidirectional_sum": L.Bidirectional(L.GRU(9), merge_mode="sum"),
        "rnn": L.RNN(L.LSTMCell(9), return_sequences=True),
        "rnn_cells": L.RNN([L.GRUCell(9), L.GRUCell(11)], return_sequences=True),
        "conv1d_transpose": L.Conv1DTranspose(5, 3, strides=2),
        "conv1d_causal": L.Conv1D(5, 3, padding="causal", dilation_rate=2),
        "pool1d": L.MaxPooling1D(3),
        "up1d": L.UpSampling1D(3),
        "zeros1d": L.ZeroPadding1D((1, 2)),
        "cropping1d": L.Cropping1D((1, 2)),
        "masking": L.Masking(),
        "timed": L.TimeDistributed(L.Dense(7)),
    }


def layer_cases(k):
    """(name, input shapes, function) for the layers that both have."""
    L = k.layers
    cases = [(name, [IMAGE], one(layer)) for name, layer in image_layers(L).items()]
    cases += [(name, [STEPS], one(layer)) for name, layer in step_layers(L).items()]
    attention = L.MultiHeadAttention(2, 4)
    shaped = L.MultiHeadAttention(2, 4, output_shape=11)
    cases += [
        ("embedding", [(20,)], one(L.Embedding(50, 8))),
        ("repeat_vector", [(6,)], one(L.RepeatVector(5))),
        ("multi_head", [STEPS, (9, 6)], lambda a, b: attention(a, b)),
        ("multi_head_named", [STEPS, (9, 6)], lambda a, b: attention(query=a, value=b)),
        ("multi_head_shaped", [STEPS, (9, 6)], lambda a, b: shaped(a, b)),
        ("attention", [(7, 6), (9, 6)], lambda a, b: L.Attention()([a, b])),
        ("dot", [(7, 6), (9, 6)], lambda a, b: L.Dot(axes=(2, 2))([a, b])),
        ("concatenate", [(8, 9, 3), (8, 9, 4)], lambda a, b: L.Concatenate()([a, b])),
        ("add_broadcast", [(8, 9, 3), (1, 1, 3)], lambda a, b: L.Add()([a, b])),
        ("conv_lstm", [VIDEO], one(L.ConvLSTM2D(6, 3, padding="same", return_sequences=True))),
        ("conv_lstm_last", [VIDEO], one(L.ConvLSTM2D(6, 3, strides=2))),
        ("conv3d_transpose", [VIDEO], one(L.Conv3DTranspose(6, 3, strides=2, padding="same"))),
        ("lambda_declared", [IMAGE], one(L.Lambda(lambda x: x[:, :8, :6], output_shape=(8, 6, 4)))),
        ("open_conv", [WIDE], one(L.Conv2D(5, 3, strides=2, padding="same"))),
        ("open_pool", [WIDE], one(L.GlobalAveragePooling2D(keepdims=True))),
    ]
    return cases


def tensorflow_calls():
    """Of TensorFlow's functions on an image."""
    return {
        "hard_swish": lambda x: x * tf.nn.relu6(x + 3.0) * (1.0 / 6.0),
        "constant_first": lambda x: 1.0 - x,
        "constant_array": lambda x: x - tf.constant([[[1.0, 2, 3, 4]]]),
        "subtract": lambda x: tf.subtract(tf.math.multiply(x, 2), x),
        "maximum": lambda x: tf.maximum(x, 0.0),
        "squared": lambda x: tf.math.squared_difference(x, tf.reduce_mean(x, axis=[1, 2], keepdims=True)),
        "reduce_mean": lambda x: tf.reduce_mean(x, axis=[1, 2]),
        "reduce_max": lambda x: tf.reduce_max(x, axis=-1, keepdims=True),
        "reduce_sum": lambda x: tf.math.reduce_sum(x, 1),
        "argmax": lambda x: tf.argmax(x, axis=-1),
        "reshape": lambda x: tf.reshape(x, (-1, 8, 6, 16)),
        "reshape_batch": lambda x: tf.reshape(x, [tf.shape(x)[0], 8, 24, 4]),
        "reshape_rest": lambda x: tf.reshape(x, [tf.shape(x)[0], -1, 4]),
        "transpose": lambda x: tf.transpose(x, [0, 3, 1, 2]),
        "expand": lambda x: tf.expand_dims(x, axis=1),
        "squeeze": lambda x: tf.squeeze(tf.reduce_mean(x, axis=[1], keepdims=True), axis=1),
        "concat": lambda x: tf.concat([x, x, x], axis=-1),
        "stack": lambda x: tf.stack([x, x], axis=1),
        "unstack": lambda x: tf.unstack(x, axis=3)[1],
        "split": lambda x: tf.split(x, 2, axis=-1)[1],
        "split_sizes": lambda x: tf.split(x, [1, 3], axis=-1)[1],
        "pad": lambda x: tf.pad(x, [[0, 0], [1, 2], [3, 0], [0, 0]]),
        "tile": lambda x: tf.tile(x, [1, 2, 3, 1]),
        "repeat": lambda x: tf.repeat(x, 3, axis=1),
        "item": lambda x: x[:, 2:-1, ::2],
        "item_index": lambda x: x[:, :, 3],
        "item_ellipsis": lambda x: x[..., :2],
        "item_axis": lambda x: x[:, tf.newaxis, 1:, :, 0],
        "item_backwards": lambda x: x[:, ::-1, ::-3],
        "slice": lambda x: tf.slice(x, [0, 1, 2, 0], [-1, 5, -1, 2]),
        "strided_slice": lambda x: tf.strided_slice(x, [0, 1, 0, 0], [1, 9, 12, 4], [1, 2, 1, 1]),
        "gather": lambda x: tf.gather(x, [0, 2, 1], axis=3),
        "matmul": lambda x: tf.matmul(x, x, transpose_b=True),
        "image_resize": lambda x: tf.image.resize(x, (7, 9)),
        "crop_or_pad": lambda x: tf.image.resize_with_crop_or_pad(x, 10, 20),
        "old_resize": lambda x: tf.compat.v1.image.resize_bilinear(x, (7, 9)),
        "depth_to_space": lambda x: tf.nn.depth_to_space(x, 2),
        "space_to_depth": lambda x: tf.nn.space_to_depth(x, 2),
        "max_pool": lambda x: tf.nn.max_pool2d(x, 3, 2, "SAME"),
        "avg_pool": lambda x: tf.nn.avg_pool2d(x, [2, 3], [2, 3], "VALID"),
        "softmax": lambda x: tf.nn.softmax(x, axis=-1),
        "normalise": lambda x: tf.math.l2_normalize(x, axis=-1),
        "clip": lambda x: tf.clip_by_value(x, -1, 1),
        "cast": lambda x: tf.cast(x, tf.float32),
        "where": lambda x: tf.where(x > 0, x, 0.0),
        "moments": lambda x: tf.nn.moments(x, axes=[1, 2])[1],
        "one_hot": lambda x: tf.one_hot(tf.argmax(x, axis=-1), 10),
        "add_n": lambda x: tf.add_n([x, x]),
        "backend": lambda x: tf_keras.backend.mean(x, axis=[1, 2], keepdims=True),
        "backend_resize": lambda x: tf_keras.backend.resize_images(x, 2, 3, "channels_last"),
        "reverse": lambda x: tf.reverse(x, [1]),
        "preprocess": lambda x: tf_keras.applications.mobilenet_v2.preprocess_input(x),
    }


def tensorflow_cases():
    L = tf_keras.layers
    cases = [(name, [IMAGE], f) for name, f in tensorflow_calls().items()]
    return cases + [
        ("add_two", [(8, 9, 3), (1, 1, 3)], lambda a, b: a + b),
        ("open_resize", [WIDE], lambda x: tf.image.resize(x, (7, 9))),
        ("open_scale", [WIDE], lambda x: x / 127.5 - 1.0),
        ("sync", [IMAGE], lambda x: L.BatchNormalization(synchronized=True)(x)),
        ("sync_old", [IMAGE], lambda x: L.experimental.SyncBatchNormalization()(x)),
        ("local", [IMAGE], lambda x: L.LocallyConnected2D(5, 3)(x)),
        ("lambda_shape", [IMAGE], lambda x: L.Lambda(lambda y: y * 2, output_shape=[16, 12, 4])(x)),
    ]


def keras_cases():
    ops, L = keras.ops, keras.layers
    image = {
        "hard_swish": lambda x: x * ops.relu6(x + 3.0) * (1.0 / 6.0),
        "mean": lambda x: ops.mean(x, axis=[1, 2]),
        "max": lambda x: ops.max(x, axis=-1, keepdims=True),
        "reshape": lambda x: ops.reshape(x, (-1, 8, 6, 16)),
        "transpose": lambda x: ops.transpose(x, (0, 3, 1, 2)),
        "expand": lambda x: ops.expand_dims(x, 1),
        "concatenate": lambda x: ops.concatenate([x, x], axis=-1),
        "stack": lambda x: ops.stack([x, x], axis=1),
        "split": lambda x: ops.split(x, 2, axis=-1)[1],
        "split_at": lambda x: ops.split(x, [1, 3], axis=-1)[1],
        "pad": lambda x: ops.pad(x, ((0, 0), (1, 2), (3, 0), (0, 0))),
        "item": lambda x: x[:, 2:-1, ::2],
        "item_ellipsis": lambda x: x[..., 0],
        "resize": lambda x: ops.image.resize(x, (7, 9)),
        "matmul": lambda x: ops.matmul(x, ops.transpose(x, (0, 1, 3, 2))),
        "where": lambda x: ops.where(x > 0, x, 0.0),
        "clip": lambda x: ops.clip(x, -1, 1),
        "swapaxes": lambda x: ops.swapaxes(x, 1, 2),
        "tile": lambda x: ops.tile(x, (1, 2, 1, 1)),
        "einsum": lambda x: ops.einsum("bhwc,bhvc->bhwv", x, x),
        "max_pool": lambda x: ops.max_pool(x, 2),
        "softmax": lambda x: ops.softmax(x),
        "rms_normalization": lambda x: L.RMSNormalization()(x),
        "random_hue": lambda x: L.RandomHue(0.1)(x),
        "random_erasing": lambda x: L.RandomErasing()(x),
        "spectral": lambda x: L.SpectralNormalization(L.Conv2D(5, 3))(x),
    }
    return [(name, [IMAGE], f) for name, f in image.items()]


def small(value):
    """The configuration without what has no influence on shapes, and without recorded shapes."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return {"class_name": "__keras_tensor__", "config": {"keras_history": value["config"]["keras_history"]}}
        if "class_name" in value and "build_config" in value:
            value = {key: item for key, item in value.items() if key != "build_config"}
        return {
            key: small(item)
            for key, item in value.items()
            if not key.endswith(DROPPED) and key not in ("trainable", "dtype", "sparse", "ragged", "function_type", "optional", "seed", "recurrent_activation",
                                       "recurrent_dropout", "zero_output_for_mask", "stateful", "unroll", "momentum", "epsilon")
            and not (key == "function" and isinstance(item, list))
        }
    return [small(item) for item in value] if isinstance(value, list) else value


def case(k, name, shapes, function):
    inputs = [k.layers.Input(shape, name=f"in{i}") for i, shape in enumerate(shapes)]
    outputs = function(*inputs)
    model = k.Model(inputs, outputs)
    closed = all(None not in shape for shape in shapes)
    # Keras' own rules have faults of their own: where the extents are known, the layers run.
    result = model([tf.zeros((2, *shape)) for shape in shapes], training=False) if closed else outputs
    first = result[0] if isinstance(result, (list, tuple)) else result
    config = json.loads(model.to_json())
    return {"name": name, "shape": [None, *first.shape[1:]], "model": small({key: config[key] for key in ("class_name", "config")})}


def cases_of(k, cases):
    result = []
    for name, shapes, function in cases:
        k.backend.clear_session()
        result.append(case(k, name, shapes, function))
    return result


def main():
    both = {
        "tf_keras_2": cases_of(tf_keras, layer_cases(tf_keras) + tensorflow_cases()),
        "keras_3": cases_of(keras, layer_cases(keras) + keras_cases()),
    }
    lines = []
    for family, cases in both.items():
        body = ",\n".join("  " + json.dumps(c, separators=(",", ":")) for c in cases)
        lines.append(f' "{family}": [\n{body}\n ]')
    with open(sys.argv[1], "w") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


main()
