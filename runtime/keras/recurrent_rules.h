#pragma once
// Output shapes of recurrent layers, and of layers that wrap another one.

#include "runtime/keras/layer_rules.h"

namespace sepconv::keras::layer_shapes {

Shapes rnn(const LayerUse& use);
Shapes lstm(const LayerUse& use);
Shapes gru(const LayerUse& use);  // and SimpleRNN: one state
Shapes conv_lstm(const LayerUse& use);
Shapes wrapper(const LayerUse& use);
Shapes bidirectional(const LayerUse& use);
Shapes time_distributed(const LayerUse& use);

}  // namespace sepconv::keras::layer_shapes
