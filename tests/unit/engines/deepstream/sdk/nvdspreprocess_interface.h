// What DeepStream's header of this name declares, as far as align_faces.cu uses it.
#pragma once
#include <string>
#include <unordered_map>
#include <vector>
#include "nvbufsurftransform.h"
struct NvOSD_MaskParams { float* data; unsigned int size; float threshold; unsigned int width, height; };
struct NvBbox_Coords { float left, top, width, height; };
struct NvDsComp_BboxInfo { NvBbox_Coords org_bbox_coords; };
struct NvDsObjectMeta { NvDsComp_BboxInfo detector_bbox_info; NvOSD_MaskParams mask_params; };
struct NvDsRoiMeta { NvDsObjectMeta* object_meta; };
struct NvDsPreProcessUnit { NvBufSurfaceParams* input_surf_params; NvDsRoiMeta roi_meta; };
struct NvDsPreProcessBatch { std::vector<NvDsPreProcessUnit> units; };
struct NvDsPreProcessCustomBuf { void* memory_ptr; };
struct NvDsPreProcessAcquirer {
    virtual NvDsPreProcessCustomBuf* acquire() = 0;
    virtual bool release(NvDsPreProcessCustomBuf*) = 0;
};
struct NvDsPreProcessTensorParams { std::vector<int> network_input_shape; };
struct CustomTensorParams { NvDsPreProcessTensorParams params; };
struct CustomTransformParams {
    NvBufSurfTransformConfigParams transform_config_params;
    NvBufSurfTransformParams transform_params;
};
struct CustomInitParams { std::unordered_map<std::string, std::string> user_configs; };
struct CustomCtx;
enum NvDsPreProcessStatus {
    NVDSPREPROCESS_SUCCESS = 0,
    NVDSPREPROCESS_CUSTOM_TENSOR_FAILED,
    NVDSPREPROCESS_CUSTOM_TRANSFORMATION_FAILED
};
