// YuNet's twelve outputs as objects of DeepStream: what engines/detector.py does, for nvinfer.
//
// Boxes leave in pixels of the network's input, which nvinfer maps back to the frame. An object of
// a detector has no room for landmarks, one of instance segmentation has: its mask is ten floats,
// x and y of right eye, left eye, nose, right and left mouth corner, as shares of the box, so that
// scaling and padding of the frame do not touch them.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "nvdsinfer_custom_impl.h"

namespace {

constexpr int kStrides[] = {8, 16, 32};
constexpr float kMaxOverlap = 0.3f;
constexpr size_t kMaxFaces = 5000;
constexpr int kPoints = 10;

struct Face {
    float score, left, top, right, bottom, points[kPoints];
};

const float* layer(const std::vector<NvDsInferLayerInfo>& layers, const char* kind, int stride) {
    const std::string name = std::string(kind) + "_" + std::to_string(stride);
    for (const auto& one : layers)
        if (one.layerName && name == one.layerName) return static_cast<const float*>(one.buffer);
    return nullptr;
}

float unit(float value) { return std::min(std::max(value, 0.0f), 1.0f); }

// Boxes are compared in whole pixels, as OpenCV does.
bool overlaps(const Face& a, const Face& b) {
    const float al = std::trunc(a.left), at = std::trunc(a.top);
    const float bl = std::trunc(b.left), bt = std::trunc(b.top);
    const float aw = std::trunc(a.right - a.left), ah = std::trunc(a.bottom - a.top);
    const float bw = std::trunc(b.right - b.left), bh = std::trunc(b.bottom - b.top);
    const float width = std::min(al + aw, bl + bw) - std::max(al, bl);
    const float height = std::min(at + ah, bt + bh) - std::max(at, bt);
    if (width <= 0 || height <= 0) return false;
    const float common = width * height;
    return common / (aw * ah + bw * bh - common) > kMaxOverlap;
}

bool decode(const std::vector<NvDsInferLayerInfo>& layers, int columns_px, int rows_px,
            float min_score, std::vector<Face>& faces) {
    for (int stride : kStrides) {
        const float *cls = layer(layers, "cls", stride), *obj = layer(layers, "obj", stride);
        const float *box = layer(layers, "bbox", stride), *kps = layer(layers, "kps", stride);
        if (!cls || !obj || !box || !kps) return false;
        const int columns = columns_px / stride, rows = rows_px / stride;
        for (int cell = 0; cell < columns * rows; ++cell) {
            const float score = std::sqrt(unit(cls[cell]) * unit(obj[cell]));
            if (!(score >= min_score)) continue;
            const float x = static_cast<float>(cell % columns), y = static_cast<float>(cell / columns);
            const float* b = box + 4 * cell;
            const float width = std::exp(b[2]) * stride, height = std::exp(b[3]) * stride;
            Face face;
            face.score = score;
            face.left = (x + b[0]) * stride - width / 2;
            face.top = (y + b[1]) * stride - height / 2;
            face.right = face.left + width;
            face.bottom = face.top + height;
            for (int i = 0; i < kPoints; i += 2) {
                face.points[i] = ((kps[kPoints * cell + i] + x) * stride - face.left) / width;
                face.points[i + 1] = ((kps[kPoints * cell + i + 1] + y) * stride - face.top) / height;
            }
            faces.push_back(face);
        }
    }
    return true;
}

}  // namespace

extern "C" bool NvDsInferParseYuNet(std::vector<NvDsInferLayerInfo> const& layers,
                                    NvDsInferNetworkInfo const& network,
                                    NvDsInferParseDetectionParams const& params,
                                    std::vector<NvDsInferInstanceMaskInfo>& objects) {
    const float min_score = params.perClassPreclusterThreshold.empty()
                                ? 0.6f
                                : params.perClassPreclusterThreshold[0];
    std::vector<Face> faces, kept;
    if (!decode(layers, static_cast<int>(network.width), static_cast<int>(network.height), min_score,
                faces))
        return false;
    std::stable_sort(faces.begin(), faces.end(),
                     [](const Face& a, const Face& b) { return a.score > b.score; });
    faces.resize(std::min(faces.size(), kMaxFaces));
    for (const Face& face : faces)
        if (std::none_of(kept.begin(), kept.end(), [&](const Face& k) { return overlaps(k, face); }))
            kept.push_back(face);
    for (const Face& face : kept) {
        NvDsInferInstanceMaskInfo object;
        std::memset(&object, 0, sizeof object);
        object.left = face.left;
        object.top = face.top;
        object.width = face.right - face.left;
        object.height = face.bottom - face.top;
        object.detectionConfidence = face.score;
        object.mask = new float[kPoints];  // nvinfer deletes it
        std::copy(face.points, face.points + kPoints, object.mask);
        object.mask_width = kPoints;
        object.mask_height = 1;
        object.mask_size = kPoints * sizeof(float);
        objects.push_back(object);
    }
    return true;
}

#ifdef CHECK_CUSTOM_INSTANCE_MASK_PARSE_FUNC_PROTOTYPE
CHECK_CUSTOM_INSTANCE_MASK_PARSE_FUNC_PROTOTYPE(NvDsInferParseYuNet);
#endif
