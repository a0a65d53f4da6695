#include "generators/schedules/tile_gpu.h"

#include <algorithm>

namespace sepconv::generators {
namespace {

using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

TailStrategy output_tail(int extent, int tile) {
  return extent % tile == 0 ? TailStrategy::RoundUp : TailStrategy::GuardWithIf;
}

}  // namespace

void schedule_output_gpu(Halide::Stage out, Layout layout, int channels, int pixels, const GpuSchedule& s, const Var& f,
                         const VarOrRVar& q, const Var& n, const GpuLoops& loops,
                         const std::vector<VarOrRVar>& inside) {
  const bool nhwc = layout == Layout::nhwc;
  const int f_parts = ceil_div(channels, s.tile_f), q_parts = ceil_div(pixels, s.tile_q);
  const auto q_tail = [&](int extent, int tile) {
    return q.is_rvar ? TailStrategy::GuardWithIf : output_tail(extent, tile);  // of no consequence in whole tiles
  };
  const auto q_loop = [&](const Var& loop) { return q.is_rvar ? VarOrRVar(loop.name(), true) : VarOrRVar(loop); };
  const VarOrRVar q_thread = q_loop(loops.q_thread), q_block = q_loop(loops.q_block), q_tile = q_loop(Var("q_tile"));
  out.split(f, loops.f_thread, f, s.tile_f, output_tail(channels, s.tile_f))
      .split(q, q_thread, q_tile, s.tile_q, q_tail(pixels, s.tile_q))
      .split(loops.f_thread, loops.f_block, loops.f_thread, s.threads_f, output_tail(f_parts, s.threads_f))
      .split(q_thread, q_block, q_thread, s.threads_q, q_tail(q_parts, s.threads_q));
  const VarOrRVar dense = nhwc ? VarOrRVar(f) : q_tile, sparse = nhwc ? q_tile : VarOrRVar(f);
  const VarOrRVar dense_thread = nhwc ? VarOrRVar(loops.f_thread) : q_thread,
                  sparse_thread = nhwc ? q_thread : VarOrRVar(loops.f_thread);
  std::vector<VarOrRVar> nest = {dense, sparse};
  nest.insert(nest.end(), inside.begin(), inside.end());
  nest.insert(nest.end(), {dense_thread, sparse_thread, loops.f_block, q_block, n});
  out.reorder(nest)
      .gpu_blocks(loops.f_block, q_block, n)
      .gpu_threads(dense_thread, sparse_thread)
      .vectorize(dense, gpu_vector(nhwc ? s.tile_f : s.tile_q, nhwc ? channels : pixels))
      .unroll(dense)
      .unroll(sparse);
}

void schedule_tile_gpu(Halide::Stage stage, Layout layout, const GpuSchedule& s, const Var& f, const Var& q,
                       const GpuLoops& loops, const std::vector<VarOrRVar>& inside,
                       const std::vector<VarOrRVar>& outside) {
  const bool nhwc = layout == Layout::nhwc;
  const Var dense = nhwc ? f : q, sparse = nhwc ? q : f;
  const Var dense_thread = nhwc ? loops.f_thread : loops.q_thread,
            sparse_thread = nhwc ? loops.q_thread : loops.f_thread;
  stage.split(f, loops.f_thread, f, s.tile_f, TailStrategy::RoundUp)
      .split(q, loops.q_thread, q, s.tile_q, TailStrategy::RoundUp);
  std::vector<VarOrRVar> nest = {dense, sparse};
  nest.insert(nest.end(), inside.begin(), inside.end());
  nest.insert(nest.end(), {dense_thread, sparse_thread});
  nest.insert(nest.end(), outside.begin(), outside.end());
  stage.reorder(nest)
      .gpu_threads(dense_thread, sparse_thread)
      .vectorize(dense, gpu_vector(nhwc ? s.tile_f : s.tile_q, 4))
      .unroll(dense)
      .unroll(sparse);
}

Var schedule_flat_gpu(Func func, Layout layout, const GpuSchedule& s, const Var& column, int columns, const Var& row,
                      int rows, int vector) {
  Var part("part"), element("element"), item("item"), thread("thread"), x("thread_x"), y("thread_y");
  const int items = columns / vector * rows, threads = s.threads();
  // The same rectangle of threads as the tile's: a block is as large as the largest of its stages along each axis.
  const int threads_x = layout == Layout::nhwc ? s.threads_f : s.threads_q;
  func.bound_extent(column, columns).bound_extent(row, rows);
  func.split(column, part, element, vector, TailStrategy::RoundUp)
      .reorder(element, part, row)
      .fuse(part, row, item)
      .split(item, item, thread, std::min(items, threads), output_tail(items, threads))
      .split(thread, y, x, std::min(items, threads_x), output_tail(std::min(items, threads), threads_x))
      .reorder(element, item, x, y)
      .gpu_threads(x, y)
      .vectorize(element)
      .unroll(item);
  return item;
}

}  // namespace sepconv::generators
