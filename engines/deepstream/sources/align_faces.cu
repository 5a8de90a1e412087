// Aligned faces for the embedder: the custom library of nvdspreprocess, before nvinfer.
//
// Not run on hardware. The arithmetic is: warp_faces.cu and face_alignment.h are tested on a CPU
// against OpenCV; this file was compiled against headers of ours that declare what
// DeepStream documents. Frames must be RGBA in CUDA device memory, as deepstream.sh makes them.
#include <cuda_runtime.h>

#include <cstdio>
#include <vector>

#include "face_alignment.h"
#include "nvbufsurftransform.h"
#include "nvdspreprocess_interface.h"
#include "warp_faces.cu"

struct CustomCtx {
    float* inverses = nullptr;
    int capacity = 0;
    cudaStream_t stream = nullptr;
};

namespace {

constexpr int kPoints = 10;
constexpr int kBlock = 16;

// The box that the landmarks are shares of: the detector's own, which a tracker does not move.
bool landmarks_of(const NvDsObjectMeta& object, double points[kPoints]) {
    const auto& mask = object.mask_params;
    const auto& box = object.detector_bbox_info.org_bbox_coords;
    if (!mask.data || mask.size != kPoints * sizeof(float) || !(box.width > 0)) return false;
    for (int i = 0; i < kPoints; i += 2) {
        points[i] = box.left + mask.data[i] * box.width;
        points[i + 1] = box.top + mask.data[i + 1] * box.height;
    }
    return true;
}

bool warp(const NvBufSurfaceParams& frame, float* target, float* inverse, cudaStream_t stream) {
    WarpFaces p;
    p.source.pixels = reinterpret_cast<word>(frame.dataPtr);
    p.source.width = static_cast<int>(frame.width);
    p.source.height = static_cast<int>(frame.height);
    p.source.row_bytes = static_cast<int>(frame.pitch);
    p.source.pixel_bytes = 4;
    p.source.blue_at = 2;
    p.source.unused = 0;
    p.target = reinterpret_cast<word>(target);
    p.inverses = reinterpret_cast<word>(inverse);
    p.faces = 1;
    p.side = tvradar::kChipPx;
    p.blue_first = TVRADAR_BLUE_FIRST;
    p.unused = 0;
    void* arguments[] = {&p};
    const unsigned blocks = (tvradar::kChipPx + kBlock - 1) / kBlock;
    return cudaLaunchKernel(reinterpret_cast<const void*>(&warp_faces), dim3(blocks, blocks, 1),
                            dim3(kBlock, kBlock, 1), arguments, 0, stream) == cudaSuccess;
}

bool reserve(CustomCtx* ctx, int faces) {
    if (faces <= ctx->capacity) return true;
    cudaFree(ctx->inverses);
    ctx->capacity = 0;
    if (cudaMalloc(reinterpret_cast<void**>(&ctx->inverses), faces * 6 * sizeof(float)) != cudaSuccess)
        return false;
    ctx->capacity = faces;
    return true;
}

bool prepare(CustomCtx* ctx, NvDsPreProcessBatch* batch, float* target) {
    constexpr size_t kFloats = 3 * tvradar::kChipPx * tvradar::kChipPx;
    const int faces = static_cast<int>(batch->units.size());
    // A face without landmarks maps outside of the frame: its chip is black, and nobody is near it.
    std::vector<float> inverses(6 * faces, -1e6f);
    for (int i = 0; i < faces; ++i) {
        double points[kPoints];
        const NvDsObjectMeta* object = batch->units[i].roi_meta.object_meta;
        if (object && landmarks_of(*object, points)) tvradar::chip_to_frame(points, &inverses[6 * i]);
    }
    if (!reserve(ctx, faces)) return false;
    if (cudaMemcpyAsync(ctx->inverses, inverses.data(), inverses.size() * sizeof(float),
                        cudaMemcpyHostToDevice, ctx->stream) != cudaSuccess)
        return false;
    for (int i = 0; i < faces; ++i) {
        const NvBufSurfaceParams* frame = batch->units[i].input_surf_params;
        if (!frame || !warp(*frame, target + i * kFloats, ctx->inverses + 6 * i, ctx->stream)) return false;
    }
    return cudaStreamSynchronize(ctx->stream) == cudaSuccess;
}

}  // namespace

extern "C" CustomCtx* initLib(CustomInitParams) {
    auto* ctx = new CustomCtx;
    if (cudaStreamCreateWithFlags(&ctx->stream, cudaStreamNonBlocking) != cudaSuccess) {
        delete ctx;
        return nullptr;
    }
    return ctx;
}

extern "C" void deInitLib(CustomCtx* ctx) {
    if (!ctx) return;
    cudaFree(ctx->inverses);
    cudaStreamDestroy(ctx->stream);
    delete ctx;
}

// nvdspreprocess wants crops made; the faces are read from the frame itself instead.
extern "C" NvDsPreProcessStatus CustomTransformation(NvBufSurface* in, NvBufSurface* out,
                                                     CustomTransformParams& params) {
    if (NvBufSurfTransformSetSessionParams(&params.transform_config_params) !=
            NvBufSurfTransformError_Success ||
        NvBufSurfTransform(in, out, &params.transform_params) != NvBufSurfTransformError_Success)
        return NVDSPREPROCESS_CUSTOM_TRANSFORMATION_FAILED;
    return NVDSPREPROCESS_SUCCESS;
}

extern "C" NvDsPreProcessStatus CustomTensorPreparation(CustomCtx* ctx, NvDsPreProcessBatch* batch,
                                                        NvDsPreProcessCustomBuf*& buffer,
                                                        CustomTensorParams& tensor,
                                                        NvDsPreProcessAcquirer* acquirer) {
    buffer = acquirer->acquire();
    if (!buffer) return NVDSPREPROCESS_CUSTOM_TENSOR_FAILED;
    if (!prepare(ctx, batch, static_cast<float*>(buffer->memory_ptr))) {
        std::fprintf(stderr, "tvradar: faces could not be aligned\n");
        acquirer->release(buffer);
        return NVDSPREPROCESS_CUSTOM_TENSOR_FAILED;
    }
    tensor.params.network_input_shape[0] = static_cast<int>(batch->units.size());
    return NVDSPREPROCESS_SUCCESS;
}
