// What DeepStream's header of this name declares, as far as align_faces.cu uses it.
#pragma once
#include <cstdint>
struct NvBufSurfaceParams { uint32_t width, height, pitch; int colorFormat; void* dataPtr; };
struct NvBufSurface { uint32_t batchSize, numFilled; NvBufSurfaceParams* surfaceList; };
struct NvBufSurfTransformConfigParams { int32_t gpu_id; };
struct NvBufSurfTransformParams { uint32_t transform_flag; };
enum NvBufSurfTransform_Error { NvBufSurfTransformError_Success = 0 };
NvBufSurfTransform_Error NvBufSurfTransformSetSessionParams(NvBufSurfTransformConfigParams*);
NvBufSurfTransform_Error NvBufSurfTransform(NvBufSurface*, NvBufSurface*, NvBufSurfTransformParams*);
